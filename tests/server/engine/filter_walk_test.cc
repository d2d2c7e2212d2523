// Random filters over random data against a plain evaluator, while documents are written, changed
// and deleted, segments are sealed and merged, and the database is opened anew. No answer has a
// document that the filter refuses, or that is gone; exact ones have all that they should, and
// others as many.
//
//   KITH_FILTER_QUERIES=100000 KITH_TEST_SEED=1 engine_test --gtest_filter='FilterWalkTest.*'
//
// asks as often as the whole check does; without them it is a share of it, and another one each
// time.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "indexing_fixture.h"
#include "random_metadata.h"

namespace kith::engine {
namespace {

using index::Filter;

constexpr size_t kDocuments = 600;  // ids, most of which are there at a time
constexpr uint64_t kQueriesByDefault = 600;
constexpr int kQueriesAStep = 12;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

class FilterWalkTest : public IndexingTest {
 protected:
  struct Stored {
    std::vector<float> vector;
    Metadata metadata;
  };

  FilterWalkTest() {
    random.seed(FromEnvironment("KITH_TEST_SEED", seed));
    std::cerr << "KITH_TEST_SEED=" << FromEnvironment("KITH_TEST_SEED", seed) << "\n";
    // Some segments are above it, so that graphs are walked, and most are not.
    options.indexing.seal_rows = 100;
  }

  std::string AnId() { return "d" + std::to_string(index::Below(random, kDocuments)); }
  std::set<std::string> SomeIds(size_t most) {
    std::set<std::string> ids;
    for (size_t i = index::Below(random, most) + 1; i > 0; --i) ids.insert(AnId());
    return ids;
  }

  void WriteSome(size_t most) {
    std::vector<DocumentInput> documents;
    for (const std::string& id : SomeIds(most)) {
      model_[id] = {Vector(), AMetadata(random)};
      documents.push_back(Vec(id, model_[id].vector, model_[id].metadata));
    }
    const auto written = Upsert(*points_, std::move(documents));
    ASSERT_TRUE(written.ok()) << written.status();
  }

  void ChangeSome(size_t most) {
    std::vector<MetadataChange> changes;
    for (const std::string& id : SomeIds(most)) {
      MetadataChange& change = changes.emplace_back();
      change.id = id;
      change.set = AMetadata(random);
      change.replace = index::Below(random, 2) == 0;
      if (!change.replace && !change.set.contains("tags")) change.remove.push_back("tags");
      const auto known = model_.find(id);
      if (known == model_.end()) continue;
      Metadata& metadata = known->second.metadata;
      if (change.replace) metadata.clear();
      for (const std::string& field : change.remove) metadata.erase(field);
      for (const auto& [field, value] : change.set) metadata[field] = value;
    }
    const auto changed = UpdateMetadata(*points_, std::move(changes));
    ASSERT_TRUE(changed.ok()) << changed.status();
  }

  void RemoveSome(size_t most) {
    const std::set<std::string> ids = SomeIds(most);
    for (const std::string& id : ids) model_.erase(id);
    const auto removed = Delete(*points_, std::vector<std::string>(ids.begin(), ids.end()));
    ASSERT_TRUE(removed.ok()) << removed.status();
  }

  void ChangeSomething() {
    switch (index::Below(random, 40)) {
      case 0:
        return Seal(*points_);
      case 1:
        if (index::Below(random, 4) == 0) return Merge(*points_);
        return;
      case 2:
        points_.reset();
        Reopen();
        points_ = Find("points");
        return;
      case 3:
      case 4:
      case 5:
        return RemoveSome(10);
      default:
        return index::Below(random, 3) == 0 ? ChangeSome(20) : WriteSome(20);
    }
  }

  double DistanceTo(const std::vector<float>& query, const Stored& stored) const {
    double sum = 0;
    for (size_t i = 0; i < query.size(); ++i) {
      const double difference = double{query[i]} - stored.vector[i];
      sum += difference * difference;
    }
    return std::sqrt(sum);
  }

  void Ask() {
    const Filter filter = index::AFilter(random, 2);
    const std::vector<float> query = Vector();
    std::vector<double> distances;  // of all documents that match, nearest first
    for (const auto& [id, stored] : model_) {
      if (index::IsTrueOf(filter, stored.metadata)) distances.push_back(DistanceTo(query, stored));
    }
    std::sort(distances.begin(), distances.end());

    SearchRequest request = {.query = VectorQuery{query}};
    request.filter = filter;
    request.limit = static_cast<int64_t>(index::Below(random, 30) + 1);
    request.exact = index::Below(random, 2) == 0;
    request.select = {.text = false, .metadata = false};
    if (index::Below(random, 3) == 0) request.group_by.kind = GroupBy::Kind::kDocument;
    const auto found = Search(*points_, request);
    ASSERT_TRUE(found.ok()) << found.status();
    const size_t expected = std::min<size_t>(distances.size(), request.limit);
    ASSERT_EQ(found->hits.size(), expected) << "exact " << request.exact;
    ASSERT_TRUE(expected == distances.size() || !found->exhausted);
    std::set<std::string> ids;
    for (size_t i = 0; i < expected; ++i) {
      const SearchHit& hit = found->hits[i];
      const auto stored = model_.find(hit.document_id);
      ASSERT_TRUE(stored != model_.end()) << hit.document_id << " is gone";
      ASSERT_TRUE(index::IsTrueOf(filter, stored->second.metadata)) << hit.document_id;
      ASSERT_TRUE(ids.insert(hit.document_id).second) << hit.document_id << " came twice";
      const double distance = DistanceTo(query, stored->second);
      ASSERT_NEAR(*hit.passages.at(0).distance, distance, 1e-3);
      if (request.exact) {
        ASSERT_NEAR(distance, distances[i], 1e-3) << "place " << i;
      } else {
        found_ += distance <= distances[expected - 1] + 1e-6 ? 1 : 0;
      }
    }
    wanted_ += request.exact ? 0 : expected;

    if (index::Below(random, 4) == 0) {
      const auto count = Read(*points_)->Count(filter, Call::Background());
      ASSERT_TRUE(count.ok()) << count.status();
      ASSERT_EQ(count->documents, distances.size());
    }
  }

  std::shared_ptr<Collection> points_;
  std::map<std::string, Stored> model_;
  uint64_t found_ = 0, wanted_ = 0;  // by searches that are not exact
};

TEST_F(FilterWalkTest, NoFilterLetsAForbiddenDocumentThroughOrMissesOne) {
  const uint64_t queries = FromEnvironment("KITH_FILTER_QUERIES", kQueriesByDefault);
  Open();
  points_ = CreateVectors("points", kDimension);
  // Fields get their types by first use: all of them before anything is asked.
  for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(WriteSome(40));
  for (uint64_t asked = 0; asked < queries;) {
    ASSERT_NO_FATAL_FAILURE(ChangeSomething()) << "after " << asked << " queries";
    for (int i = 0; i < kQueriesAStep && asked < queries; ++i, ++asked) {
      ASSERT_NO_FATAL_FAILURE(Ask()) << "query " << asked;
    }
  }
  EXPECT_EQ(Events("cannot be used"), 0);
  EXPECT_GE(static_cast<double>(found_),
            (kDefaultTargetRecall - 0.02) * static_cast<double>(wanted_));
}

}  // namespace
}  // namespace kith::engine
