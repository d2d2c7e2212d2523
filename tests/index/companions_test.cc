// Segments with companions: whatever is appended, updated, deleted, sealed, merged, folded and
// replayed, in whatever order, every row of every view has the words and the metadata that it had
// at the time of that view.

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/search.h"
#include "index/terms/term_index.h"
#include "tests/index/documents.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint32_t kDimension = 4;

// The terms of the rows that a segment shows, read out of its postings.
std::vector<std::map<std::string, uint32_t>> TermsBySlot(const SegmentView& segment) {
  std::vector<std::map<std::string, uint32_t>> terms(segment.visible);
  if (segment.growing != nullptr) {
    segment.growing_terms->ForEachTerm(
        segment.visible,
        [&](std::string_view term, std::span<const GrowingTerms::Posting> postings) {
          for (const auto& posting : postings) {
            terms[posting.slot][std::string(term)] = posting.tf;
          }
        });
    return terms;
  }
  uint32_t slots[kBlockPostings];
  uint32_t tfs[kBlockPostings];
  for (TermIndex::Iterator it(*segment.sealed->terms()); it.Next();) {
    const PostingList list = it.postings();
    for (uint32_t block = 0; block < list.blocks(); ++block) {
      list.Decode(block, slots, tfs);
      for (uint32_t i = 0; i < list.block_size(block); ++i) {
        terms[slots[i]][std::string(it.term())] = tfs[i];
      }
    }
  }
  return terms;
}

std::map<std::string, uint32_t> CountsOf(const std::vector<std::string>& words) {
  std::map<std::string, uint32_t> counts;
  for (const std::string& word : words) ++counts[word];
  return counts;
}

class CompanionsRun {
 public:
  explicit CompanionsRun(uint64_t seed) : maker_(seed), random_(maker_.random()) {
    writer_ = NewWriter();
  }

  void Step() {
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Append();
      case 4:
      case 5:
        return UpdateSome();
      case 6:
        return DeleteSome();
      case 7:
        return writer_->CloseGrowing();
      case 8:
        return Seal();
      case 9:
        return Fold();
      case 10:
        return Replay();
      default:
        return Publish();
    }
  }

  void Publish() {
    shown_.push_back({writer_->Publish(), model_});
    if (shown_.size() > 5) shown_.pop_front();
    Check(shown_.back());
    Check(shown_.front());
  }

 private:
  struct Shown {
    IndexView view;
    Model model;
  };

  static std::unique_ptr<IndexWriter> NewWriter() {
    return *IndexWriter::Create(
        {.dimension = kDimension, .metric = Metric::kL2, .companions = true, .analyser = "test"});
  }

  static Vector VectorOf(uint64_t ordinal) {
    return VectorMaker(Family::kGaussian, kDimension, ordinal).Next();
  }

  // Rows of the model within [begin, end), as storage would give them.
  static void AppendRows(const Model& model, uint64_t begin, uint64_t end, uint64_t stamp,
                         IndexWriter& writer) {
    RowNeeds needs;
    std::vector<RowTerms> terms;
    const auto first = model.lower_bound(begin);
    const auto last = model.lower_bound(end);
    for (auto row = first; row != last; ++row) {
      terms.push_back(TermsOf(row->second.words));
      needs.Add(terms.back(), *row->second.metadata);
    }
    ASSERT_TRUE(writer.Reserve(needs).ok());
    size_t i = 0;
    for (auto row = first; row != last; ++row, ++i) {
      writer.Append(row->first, row->second.passage_index, VectorOf(row->first),
                    {&terms[i], row->second.metadata, stamp});
    }
  }

  void Append() {
    next_ += random_() % 3;
    const uint64_t begin = next_;
    for (uint64_t documents = 1 + random_() % 12; documents > 0; --documents) {
      const auto metadata = std::make_shared<const MetadataRow>(maker_.Metadata());
      const uint64_t passages = random_() % 3 == 0 ? 1 + random_() % 6 : 1;
      for (uint32_t p = 0; p < passages; ++p) model_[next_++] = {p, maker_.Words(), metadata};
    }
    ++sequence_;
    AppendRows(model_, begin, next_, 0, *writer_);
  }

  // The ordinals of a live document.
  std::optional<OrdinalRange> SomeDocument() {
    if (model_.empty()) return std::nullopt;
    auto row = model_.lower_bound(random_() % next_);
    if (row == model_.end()) row = model_.begin();
    OrdinalRange range = {row->first - row->second.passage_index, row->first + 1};
    for (++row; row != model_.end() && row->second.passage_index > 0; ++row) range.end++;
    return range;
  }

  void UpdateSome() {
    for (uint64_t count = 1 + random_() % 8; count > 0; --count) {
      const auto range = SomeDocument();
      if (!range.has_value()) return;
      const auto metadata = std::make_shared<const MetadataRow>(maker_.Metadata());
      ASSERT_EQ(writer_->UpdateMetadata(*range, metadata, ++sequence_), range->end - range->begin);
      for (uint64_t o = range->begin; o < range->end; ++o) model_.at(o).metadata = metadata;
    }
  }

  void DeleteSome() {
    for (uint64_t count = 1 + random_() % 3; count > 0; --count) {
      const auto range = SomeDocument();
      if (!range.has_value()) return;
      ++sequence_;
      ASSERT_EQ(writer_->Delete(*range), range->end - range->begin);
      model_.erase(model_.lower_bound(range->begin), model_.lower_bound(range->end));
    }
  }

  // What goes on while something is built.
  void Meanwhile() {
    for (uint64_t count = random_() % 4; count > 0; --count) {
      switch (random_() % 4) {
        case 0:
          DeleteSome();
          break;
        case 1:
          Append();
          break;
        default:
          UpdateSome();
      }
      if (random_() % 2 == 0) Publish();
    }
  }

  void Seal() {
    writer_->CloseGrowing();
    const IndexView view = writer_->Publish();
    const size_t count = view.segments().size();
    if (count == 0) return;
    const size_t first = random_() % count;
    const size_t length = 1 + random_() % std::min<size_t>(4, count - first);
    const auto from = view.segments().subspan(first, length);
    auto sealed = sealer_.SealWhole(view.options(), from, {.ef_construction = 16});
    ASSERT_TRUE(sealed.ok()) << sealed.status();
    Meanwhile();
    ASSERT_TRUE(writer_->Replace(from, sealed->segment, sealed->metadata).ok());
  }

  void Fold() {
    const IndexView view = writer_->Publish();
    for (const SegmentView& segment : view.segments()) {
      if (segment.sealed == nullptr || segment.metadata.overlay().empty()) continue;
      auto folded = sealer_.Fold(view.options(), segment);
      ASSERT_TRUE(folded.ok()) << folded.status();
      Meanwhile();
      writer_->ReplaceMetadata(segment, *folded);
      return;
    }
  }

  // A segment is found damaged, its rows are read from storage.
  void Replay() {
    writer_->CloseGrowing();
    const IndexView view = writer_->Publish();
    if (view.segments().empty()) return;
    const SegmentView& damaged = view.segments()[random_() % view.segments().size()];
    const uint64_t begin = damaged.first_ordinal();
    const uint64_t end = damaged.last_ordinal() + 1;
    Meanwhile();  // until storage is read
    auto replayed = NewWriter();
    AppendRows(model_, begin, end, sequence_, *replayed);
    Meanwhile();
    ASSERT_TRUE(writer_->ReplaceByRows(damaged, std::move(replayed)).ok());
  }

  void Check(const Shown& shown) {
    size_t live = 0;
    for (const SegmentView& segment : shown.view.segments()) {
      const auto terms = TermsBySlot(segment);
      const TermSource source = segment.terms();
      const SlotSet heads = segment.metadata.Heads(segment.visible);
      for (uint32_t slot = 0; slot < segment.visible; ++slot) {
        if (segment.deleted.Contains(slot)) continue;
        ++live;
        const uint64_t ordinal = segment.Ordinal(slot);
        ASSERT_TRUE(shown.model.contains(ordinal)) << ordinal;
        const ModelRow& row = shown.model.at(ordinal);
        const MetadataRow metadata = segment.metadata.Row(slot);
        ASSERT_EQ(metadata, *row.metadata) << "ordinal " << ordinal;
        ASSERT_EQ(heads.Contains(slot), row.passage_index == 0) << "ordinal " << ordinal;
        ASSERT_EQ(terms[slot], CountsOf(row.words)) << "ordinal " << ordinal;
        ASSERT_EQ(
            source.sealed != nullptr ? source.sealed->length(slot) : source.growing->length(slot),
            row.words.size());
        // A stamp names the metadata: caches rely on it.
        const auto named = by_stamp_.try_emplace(
            std::make_pair(ordinal, segment.metadata.StampOf(slot)), metadata);
        ASSERT_EQ(named.first->second, metadata) << "ordinal " << ordinal;
      }
    }
    ASSERT_EQ(live, shown.model.size());
    ASSERT_EQ(shown.view.live_rows(), shown.model.size());
  }

  DocumentMaker maker_;
  std::mt19937_64& random_;
  Sealer sealer_;
  std::unique_ptr<IndexWriter> writer_;
  Model model_;
  uint64_t next_ = 0;
  uint64_t sequence_ = 0;
  std::deque<Shown> shown_;
  std::map<std::pair<uint64_t, uint64_t>, MetadataRow> by_stamp_;
};

class CompanionsTest : public testing::TestWithParam<uint64_t> {};

TEST_P(CompanionsTest, RowsKeepTheirWordsAndHaveTheirNewestMetadata) {
  SCOPED_TRACE(testing::Message() << "seed " << GetParam());
  CompanionsRun run(GetParam());
  for (int step = 0; step < 150 && !testing::Test::HasFatalFailure(); ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    run.Step();
  }
  if (!testing::Test::HasFatalFailure()) run.Publish();
}

INSTANTIATE_TEST_SUITE_P(Seeds, CompanionsTest, testing::Range<uint64_t>(1, 9));

IndexOptions WithCompanions(uint32_t dimension) {
  return {.dimension = dimension, .metric = Metric::kL2, .companions = true, .analyser = "test"};
}

TEST(CompanionsWriterTest, AReservationAcrossSegmentsIsEnoughAndWhatIsSpareGoesBack) {
  constexpr uint32_t kWide = 4096;  // 1,024 rows a segment
  auto writer = *IndexWriter::Create(WithCompanions(kWide));
  DocumentMaker maker(5);
  const Vector vector(kWide, 1.0f);
  uint64_t next = 0;
  for (const uint64_t rows : {1u, 300u, 1000u, 2500u}) {
    RowNeeds needs;
    std::vector<RowTerms> terms;
    for (uint64_t i = 0; i < rows; ++i) {
      std::vector<std::string> words;
      for (int w = 0; w < 40; ++w) words.push_back("w" + std::to_string(maker.random()() % 5000));
      terms.push_back(TermsOf(words));
      needs.Add(terms.back(), {});
    }
    const size_t announced = writer->BytesToReserve(needs);
    const size_t before = writer->memory_bytes();
    ASSERT_TRUE(writer->Reserve(needs).ok());
    const size_t reserved = writer->memory_bytes();
    EXPECT_EQ(reserved - before + needs.metadata_bytes, announced) << rows;
    EXPECT_EQ(writer->BytesToReserve(needs), needs.metadata_bytes) << rows;
    for (const RowTerms& row : terms) writer->Append(next++, 0, vector, {&row});
    EXPECT_LE(writer->memory_bytes(), reserved);
  }
  const IndexView view = writer->Publish();
  ASSERT_EQ(view.segments().size(), 4u);
  for (const SegmentView& segment : view.segments()) {
    // 1,024 rows of 40 terms at about 10 bytes, 5,000 different ones at most at about 100; tables.
    EXPECT_LE(segment.growing_terms->memory_bytes(), size_t{3} << 19);
  }
}

TEST(CompanionsWriterTest, ADocumentAcrossTwoSegmentsIsUpdatedInBoth) {
  constexpr uint32_t kWide = 4096;
  auto writer = *IndexWriter::Create(WithCompanions(kWide));
  const Vector vector(kWide, 1.0f);
  ASSERT_TRUE(writer->Reserve(1030).ok());
  for (uint64_t o = 0; o < 1020; ++o) writer->Append(o, 0, vector);
  for (uint32_t p = 0; p < 10; ++p) writer->Append(1020 + p, p, vector);
  const auto row = std::make_shared<const MetadataRow>(MetadataRow{{"a", int64_t{1}}});
  // Before it was published, too.
  EXPECT_EQ(writer->UpdateMetadata({1020, 1030}, row, 7), 10u);
  EXPECT_EQ(writer->UpdateMetadata({2000, 2010}, row, 8), 0u);
  const IndexView view = writer->Publish();
  ASSERT_EQ(view.segments().size(), 2u);
  for (uint64_t o = 1010; o < 1030; ++o) {
    const RowPlace place = *view.Find(o);
    const SegmentView& segment = view.segments()[place.segment];
    EXPECT_EQ(segment.metadata.Row(place.slot), o < 1020 ? MetadataRow() : *row) << o;
    EXPECT_EQ(segment.metadata.Heads(segment.visible).Contains(place.slot), o <= 1020) << o;
  }
  EXPECT_EQ(view.segments()[1].metadata.StampOf(0), 7u);
}

TEST(CompanionsWriterTest, WhereThereAreNoneNothingIsTakenForThem) {
  auto writer = *IndexWriter::Create({.dimension = 8, .metric = Metric::kL2});
  ASSERT_TRUE(writer->Reserve(10).ok());
  for (uint64_t o = 0; o < 10; ++o) writer->Append(o, 0, Vector(8, 1.0f));
  Sealer sealer;
  const IndexView growing = writer->Publish();
  EXPECT_EQ(growing.segments()[0].growing_terms, nullptr);
  EXPECT_TRUE(growing.segments()[0].metadata.runs().empty());
  ASSERT_TRUE(sealer.SealAll(*writer).ok());
  const SegmentView sealed = writer->Publish().segments()[0];
  EXPECT_EQ(sealed.sealed->terms(), nullptr);
  EXPECT_EQ(sealed.metadata_file, nullptr);
  EXPECT_TRUE(sealed.metadata.runs().empty());
}

}  // namespace
}  // namespace kith::index
