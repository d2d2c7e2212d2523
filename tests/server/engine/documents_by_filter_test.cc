// Listing, counting, facets and deleting by filter, against a map.

#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fixture.h"
#include "index/metadata/value_view.h"
#include "random_metadata.h"
#include "server/engine/filtering/document_pages.h"
#include "server/engine/filtering/page_cursor.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using index::CompareOp;
using index::Filter;
using index::Random;
using index::ScalarValue;

class DocumentsByFilterTest : public DatabaseTest {
 protected:
  struct Stored {
    Metadata metadata;
    uint64_t written;  // in which order
  };

  void SetUp() override {
    Open();
    points_ = CreateVectors("points");
  }

  void Write(Random& random, size_t count) {
    std::set<std::string> ids;
    while (ids.size() < count) ids.insert(fmt::format("d{}", index::Below(random, 700)));
    std::vector<DocumentInput> documents;
    for (const std::string& id : ids) {
      const Metadata metadata = AMetadata(random);
      documents.push_back(Vec(id, {1, static_cast<float>(documents.size())}, metadata));
      model_[id] = {metadata, next_++};
    }
    const auto written = Upsert(*points_, std::move(documents));
    ASSERT_TRUE(written.ok()) << written.status();
  }

  void ChangeMetadata(Random& random, size_t count) {
    std::vector<MetadataChange> changes;
    std::set<std::string> ids;
    for (size_t i = 0; i < count; ++i) {
      const std::string id = fmt::format("d{}", index::Below(random, 700));
      if (!model_.contains(id) || !ids.insert(id).second) continue;
      model_[id].metadata = AMetadata(random);
      changes.push_back({.id = id, .set = model_[id].metadata, .replace = true});
    }
    if (changes.empty()) return;
    const auto changed = UpdateMetadata(*points_, std::move(changes));
    ASSERT_TRUE(changed.ok()) << changed.status();
  }

  std::vector<std::string> Matching(const Filter& filter) const {
    std::vector<std::string> ids;
    for (const auto& [id, stored] : model_) {
      if (index::IsTrueOf(filter, stored.metadata)) ids.push_back(id);
    }
    return ids;
  }

  // The ids of all pages, each with the number of documents asked for, but the last.
  std::vector<std::string> AllPages(ListRequest request) {
    std::vector<std::string> ids;
    for (bool more = true; more;) {
      const auto page = Read(*points_)->List(request, Call::Background());
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return ids;
      for (const Document& document : page->documents) ids.push_back(document.id);
      more = page->more;
      EXPECT_TRUE(!more || page->documents.size() == request.limit);
      EXPECT_EQ(page->next.empty(), !more);
      request.after = page->next;
    }
    return ids;
  }

  // The value that a document is ordered by.
  std::optional<ScalarValue> ValueOf(const std::string& id, const std::string& field,
                                     bool descending) const {
    const Metadata row = index::Canonical(model_.at(id).metadata);
    const auto found = row.find(field);
    if (found == row.end()) return std::nullopt;
    if (const auto* list = std::get_if<std::vector<std::string>>(&found->second)) {
      if (list->empty()) return std::nullopt;
      return descending ? list->back() : list->front();
    }
    return std::visit(
        [](const auto& value) -> std::optional<ScalarValue> {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::vector<std::string>>) {
            return std::nullopt;
          } else {
            return ScalarValue(value);
          }
        },
        found->second);
  }

  std::vector<std::string> Ordered(std::vector<std::string> ids, const std::string& field,
                                   bool descending) const {
    std::sort(ids.begin(), ids.end(), [&](const std::string& a, const std::string& b) {
      return model_.at(a).written < model_.at(b).written;
    });
    std::stable_sort(ids.begin(), ids.end(), [&](const std::string& a, const std::string& b) {
      const auto value_a = ValueOf(a, field, descending), value_b = ValueOf(b, field, descending);
      if (!value_a || !value_b) return value_a.has_value() && !value_b.has_value();
      const auto order = index::CompareValues(index::ViewOf(*value_a), index::ViewOf(*value_b));
      return descending ? order > 0 : order < 0;
    });
    return ids;
  }

  absl::StatusOr<DeleteMatchingAnswer> DeleteMatching(Filter filter, bool dry_run) {
    std::promise<absl::StatusOr<DeleteMatchingAnswer>> promise;
    points_->DeleteMatching(
        {.filter = std::move(filter), .dry_run = dry_run}, NoDeadline(),
        [&](absl::StatusOr<DeleteMatchingAnswer> answer) { promise.set_value(std::move(answer)); });
    return promise.get_future().get();
  }

  void CheckAll(Random& random) {
    // Types are fixed once a field has been used.
    const Filter filter = index::AFilter(random, 2);
    const std::vector<std::string> expected = Matching(filter);
    const auto view = Read(*points_);
    const auto count = view->Count(filter, Call::Background());
    ASSERT_TRUE(count.ok()) << count.status();
    ASSERT_EQ(count->documents, expected.size());
    ASSERT_EQ(count->passages, expected.size());

    const size_t limit = index::Below(random, 40) + 1;
    ASSERT_EQ(AllPages({.filter = filter, .limit = limit}), expected);
    const auto& fields = index::Fields();
    const std::string& field = fields[index::Below(random, fields.size())].name;
    const bool descending = index::Below(random, 2) == 0;
    ASSERT_EQ(AllPages({.filter = filter,
                        .order_by = field,
                        .descending = descending,
                        .limit = index::Below(random, 200) + 20}),
              Ordered(expected, field, descending))
        << field;

    const auto facets = view->Facets({.filter = filter, .fields = {"lang", field}, .limit = 1000},
                                     Call::Background());
    ASSERT_TRUE(facets.ok()) << facets.status();
    ASSERT_EQ(facets->count.documents, expected.size());
    std::map<std::string, uint64_t> languages;
    uint64_t with = 0;
    for (const std::string& id : expected) {
      const Metadata& metadata = model_.at(id).metadata;
      if (const auto found = metadata.find("lang"); found != metadata.end()) {
        ++languages[std::get<std::string>(found->second)];
      }
      with += metadata.contains(field) ? 1 : 0;
    }
    ASSERT_EQ(facets->facets[0].value_count, languages.size());
    for (const index::FacetCount& value : facets->facets[0].values) {
      ASSERT_EQ(value.documents, languages[std::get<std::string>(value.value)]);
    }
    ASSERT_EQ(facets->facets[1].document_count, with);
  }

  std::shared_ptr<Collection> points_;
  std::map<std::string, Stored> model_;
  uint64_t next_ = 0;
};

TEST_F(DocumentsByFilterTest, PagesCountsAndFacetsAgreeWithAMap) {
  constexpr uint64_t kSeed = 61;
  Random random(kSeed);
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  ASSERT_NO_FATAL_FAILURE(Write(random, 300));
  for (int step = 0; step < 60; ++step) {
    switch (index::Below(random, 6)) {
      case 0:
        ASSERT_NO_FATAL_FAILURE(Write(random, index::Below(random, 60) + 1));
        break;
      case 1:
      case 2:
        ASSERT_NO_FATAL_FAILURE(ChangeMetadata(random, index::Below(random, 30) + 1));
        break;
      case 3: {
        const Filter filter = Filter::And(
            {index::AFilter(random, 1), Filter::Compare("year", CompareOp::kEqual, int64_t{3})});
        const std::vector<std::string> ids = Matching(filter);
        const auto would = DeleteMatching(filter, /*dry_run=*/true);
        ASSERT_TRUE(would.ok()) << would.status();
        ASSERT_EQ(would->deleted, ids.size());
        ASSERT_EQ(Read(*points_)->count(), model_.size());
        const auto deleted = DeleteMatching(filter, /*dry_run=*/false);
        ASSERT_TRUE(deleted.ok()) << deleted.status();
        ASSERT_EQ(deleted->deleted, ids.size());
        ASSERT_EQ(deleted->changed, 0u);
        for (const std::string& id : ids) model_.erase(id);
        break;
      }
      case 4:
        if (index::Below(random, 3) == 0) {
          points_.reset();
          Reopen();
          points_ = Find("points");
        }
        break;
      default:
        break;
    }
    ASSERT_EQ(Read(*points_)->count(), model_.size());
    ASSERT_NO_FATAL_FAILURE(CheckAll(random));
  }
}

TEST_F(DocumentsByFilterTest, DeletingByFilterTakesManyBatches) {
  constexpr size_t kBatches = 3;
  for (size_t b = 0; b < kBatches; ++b) {
    std::vector<DocumentInput> documents;
    for (int i = 0; i < 900; ++i) {
      documents.push_back(Vec(fmt::format("{}-{}", b, i), {1, 1}, {{"even", i % 2 == 0}}));
    }
    ASSERT_TRUE(Upsert(*points_, std::move(documents)).ok());
  }
  const auto deleted = DeleteMatching(Filter::Compare("even", CompareOp::kEqual, true), false);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, kBatches * 450);
  EXPECT_EQ(Read(*points_, deleted->token)->count(), kBatches * 450);
}

TEST_F(DocumentsByFilterTest, ADocumentThatWasChangedMeanwhileIsLeft) {
  const auto first = Upsert(*points_, {Vec("a", {1, 1}), Vec("b", {1, 2})});
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(UpdateMetadata(*points_, {MetadataChange{.id = "a", .set = {{"x", true}}}}).ok());
  DeleteRequest request;
  for (const UpsertResult& result : first->results) {
    request.deletes.push_back({.id = result.id, .if_match = result.etag, .leave_changed = true});
  }
  const auto deleted = Delete(*points_, std::move(request));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 1u);
  EXPECT_EQ(deleted->missing, 1u);
  EXPECT_EQ(Read(*points_)->count(), 1u);
}

TEST_F(DocumentsByFilterTest, WhatMakesNoSenseIsRefused) {
  ASSERT_TRUE(Upsert(*points_, {Vec("a", {1, 1}, {{"year", int64_t{1}}})}).ok());
  const auto view = Read(*points_);
  const Filter wrong = Filter::Compare("year", CompareOp::kEqual, "x");
  EXPECT_THAT(view->Count(wrong, Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "FILTER_TYPE"));
  EXPECT_THAT(view->List({.filter = wrong}, Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "FILTER_TYPE"));
  EXPECT_THAT(DeleteMatching(wrong, true).status(),
              FailsWith(StatusCode::kInvalidArgument, "FILTER_TYPE"));
  EXPECT_THAT(view->Facets({.fields = {}}, Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "LIMIT_OUT_OF_RANGE"));
  EXPECT_THAT(view->Facets({.fields = std::vector<std::string>(kFacetFieldsMax + 1, "a")},
                           Call::Background())
                  .status(),
              FailsWith(StatusCode::kInvalidArgument, "LIMIT_OUT_OF_RANGE"));
  EXPECT_THAT(
      view->Facets({.fields = {"a"}, .limit = kFacetValuesMax + 1}, Call::Background()).status(),
      FailsWith(StatusCode::kInvalidArgument, "LIMIT_OUT_OF_RANGE"));
  EXPECT_THAT(view->List({.order_by = "year", .after = "a"}, Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN"));
}

TEST_F(DocumentsByFilterTest, AFieldOutsideTheIndexIsStoredAndNoMore) {
  CollectionSpec spec{.name = "blobs", .dimension = 2, .metric = Metric::kL2};
  spec.options.unindexed_fields = {"blob"};
  const auto blobs = Create(spec);
  ASSERT_TRUE(Upsert(*blobs, {Vec("a", {1, 1}, {{"blob", "x"}, {"lang", "en"}})}).ok());
  const auto view = Read(*blobs);
  EXPECT_THAT(view->Count(Filter::Exists("blob"), Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "FIELD_NOT_INDEXED"));
  EXPECT_THAT(view->List({.order_by = "blob"}, Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "FIELD_NOT_INDEXED"));
  EXPECT_THAT(view->Facets({.fields = {"blob"}}, Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "FIELD_NOT_INDEXED"));
  const auto page = view->List({.filter = Filter::Has("lang", "en"), .select = {.metadata = true}},
                               Call::Background());
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->documents.at(0).metadata.at("blob"), MetadataValue("x"));
}

TEST(DocumentPagesTest, FewMatchesAreFetchedAndManyAreScanned) {
  EXPECT_TRUE(FetchAndSort(0, 1'000'000, 100));
  EXPECT_TRUE(FetchAndSort(1000, 1'000'000, 100));
  EXPECT_FALSE(FetchAndSort(500'000, 1'000'000, 100));
  EXPECT_FALSE(FetchAndSort(10, 10, 100));
}

TEST(PageCursorTest, WhatIsEncodedIsDecodedAndOtherBytesAreRefused) {
  constexpr uint64_t kSeed = 62;
  Random random(kSeed);
  for (const std::optional<ScalarValue>& value : std::vector<std::optional<ScalarValue>>{
           {}, "", "x\0y", int64_t{-5}, 2.5, true, index::Timestamp{7}}) {
    const PageCursor cursor{value, 1234567};
    const std::string bytes = EncodeCursor(cursor);
    ASSERT_EQ(DecodeCursor(bytes).value(), cursor);
    for (size_t size = 0; size < 9; ++size) {
      ASSERT_THAT(DecodeCursor(bytes.substr(0, size)).status(),
                  FailsWith(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN"));
    }
    for (int i = 0; i < 1000; ++i) {
      std::string other = bytes;
      other[index::Below(random, other.size())] = static_cast<char>(random());
      other.resize(other.size() + index::Below(random, 2));
      const auto decoded = DecodeCursor(other);
      if (!decoded.ok()) continue;
      ASSERT_EQ(EncodeCursor(*decoded), other) << "seed " << kSeed;
    }
  }
}

}  // namespace
}  // namespace kith::engine
