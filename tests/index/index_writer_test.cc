#include "index/index_writer.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "index/search.h"
#include "kith/base/error.h"
#include "tests/index/data.h"

namespace kith::index {
namespace {

std::unique_ptr<IndexWriter> MakeWriter(uint32_t dimension) {
  return *IndexWriter::Create({.dimension = dimension, .metric = Metric::kL2});
}

void Fill(IndexWriter& writer, uint64_t begin, uint64_t end) {
  ASSERT_TRUE(writer.Reserve(end - begin).ok());
  const Vector vector(writer.options().dimension, 1.0f);
  for (uint64_t o = begin; o < end; ++o) writer.Append(o, 0, vector);
}

TEST(IndexWriterTest, DimensionsOutsideTheLimitsAreRefused) {
  for (uint32_t dimension : {0u, 4097u}) {
    const absl::Status status = IndexWriter::Create({.dimension = dimension}).status();
    EXPECT_EQ(DetailsOf(status).reason, "DIMENSION_MISMATCH");
  }
  EXPECT_TRUE(IndexWriter::Create({.dimension = 4096}).ok());
}

TEST(IndexWriterTest, AnEmptyIndexTakesNothingAndOneRowLittle) {
  auto writer = MakeWriter(384);
  EXPECT_EQ(writer->memory_bytes(), 0u);
  EXPECT_EQ(writer->Publish().live_rows(), 0u);
  Fill(*writer, 0, 1);
  EXPECT_LE(writer->memory_bytes(), 64u << 10);
  EXPECT_EQ(writer->Publish().memory_bytes(), writer->memory_bytes());
}

TEST(IndexWriterTest, ReservationsSayBeforehandWhatTheyTakeAcrossSegments) {
  auto writer = MakeWriter(4096);  // 1,024 rows a segment
  for (uint64_t rows : {1u, 7u, 1000u, 1024u, 3000u}) {
    const size_t announced = writer->BytesToReserve(rows);
    const size_t before = writer->memory_bytes();
    ASSERT_TRUE(writer->Reserve(rows).ok());
    EXPECT_EQ(writer->memory_bytes() - before, announced) << rows;
    EXPECT_EQ(writer->BytesToReserve(rows), 0u) << rows;
  }
}

TEST(IndexWriterTest, NothingIsSeenBeforeItIsPublished) {
  auto writer = MakeWriter(2);
  const IndexView empty = writer->Publish();
  Fill(*writer, 10, 20);
  const IndexView ten = writer->Publish();
  Fill(*writer, 20, 25);
  EXPECT_EQ(writer->Delete({12, 14}), 2u);
  EXPECT_EQ(empty.live_rows(), 0u);
  EXPECT_FALSE(empty.Find(10).has_value());
  EXPECT_EQ(ten.live_rows(), 10u);
  EXPECT_TRUE(ten.Find(12).has_value());
  EXPECT_FALSE(ten.Find(20).has_value());
  const IndexView last = writer->Publish();
  EXPECT_EQ(last.live_rows(), 13u);
  EXPECT_FALSE(last.Find(12).has_value());
  EXPECT_TRUE(last.Find(24).has_value());
}

TEST(IndexWriterTest, DeletingIsIdempotentOverHolesSegmentsAndUnpublishedRows) {
  auto writer = MakeWriter(4096);
  Fill(*writer, 0, 1000);
  Fill(*writer, 5000, 6500);
  EXPECT_EQ(writer->Delete({2000, 3000}), 0u);
  EXPECT_EQ(writer->Delete({7000, ~uint64_t{0}}), 0u);
  EXPECT_EQ(writer->Delete({990, 5030}), 40u);
  EXPECT_EQ(writer->Delete({990, 5030}), 0u);
  EXPECT_EQ(writer->Delete({980, 991}), 10u);
  EXPECT_EQ(writer->Delete({5, 5}), 0u);
  EXPECT_EQ(writer->Delete({9, 5}), 0u);
  EXPECT_EQ(writer->live_rows(), 2450u);
  EXPECT_EQ(writer->Publish().live_rows(), 2450u);
  EXPECT_EQ(writer->Delete({0, ~uint64_t{0}}), 2450u);
  EXPECT_EQ(writer->live_rows(), 0u);
}

TEST(IndexWriterTest, AFullSegmentWithoutALiveRowIsLetGoAndOldViewsKeepIt) {
  auto writer = MakeWriter(4096);
  Fill(*writer, 0, 2500);
  const IndexView before = writer->Publish();
  ASSERT_EQ(before.segments().size(), 3u);
  const size_t full = writer->memory_bytes();
  writer->Delete({0, 1024});
  const IndexView after = writer->Publish();
  EXPECT_EQ(after.segments().size(), 2u);
  EXPECT_LT(writer->memory_bytes(), full * 2 / 3);
  EXPECT_TRUE(before.Find(1000).has_value());
  EXPECT_FALSE(after.Find(1000).has_value());
  // Appending goes on where it was, and also right after the segment in use was let go.
  Fill(*writer, 2500, 3072);
  EXPECT_EQ(writer->Delete({0, 3072}), 2048u);
  EXPECT_EQ(writer->Publish().segments().size(), 0u);
  EXPECT_EQ(writer->memory_bytes(), 0u);
  Fill(*writer, 3072, 3080);
  EXPECT_EQ(writer->Publish().live_rows(), 8u);
  EXPECT_TRUE(writer->Publish().Find(3079).has_value());
}

// The writer against a std::map, by random operations. Views are kept with the map of their time
// and asked again later.
class ModelRun {
 public:
  explicit ModelRun(uint64_t seed)
      : metric_(kMetrics[seed % 3]),
        dimension_(seed % 2 == 0 ? 6 : 40),
        maker_(seed % 2 == 0 ? Family::kClustered : Family::kGaussian, dimension_, seed),
        random_(maker_.random()),
        writer_(*IndexWriter::Create({.dimension = dimension_, .metric = metric_})) {}

  void Append(uint32_t rows) {
    ASSERT_TRUE(writer_->Reserve(rows).ok());
    next_ += random_() % 5;
    uint32_t passage = 0;
    for (uint32_t i = 0; i < rows; ++i) {
      const Vector vector = maker_.Next();
      writer_->Append(next_, passage, vector);
      model_[next_++] = {passage, vector};
      passage = random_() % 3 == 0 ? 0 : passage + 1;
    }
  }

  void Delete(uint64_t most) {
    const uint64_t begin = random_() % (next_ + 1);
    const uint64_t end = begin + random_() % most;
    const size_t before = model_.size();
    model_.erase(model_.lower_bound(begin), model_.lower_bound(end));
    ASSERT_EQ(writer_->Delete({begin, end}), before - model_.size());
    ASSERT_EQ(writer_->live_rows(), model_.size());
  }

  void Publish() {
    shown_.push_back({writer_->Publish(), model_});
    if (shown_.size() > 4) shown_.pop_front();
    Check(shown_.back());
    Check(shown_.front());
  }

  std::mt19937_64& random() { return random_; }

 private:
  struct Row {
    uint32_t passage_index;
    Vector vector;
  };
  struct Shown {
    IndexView view;
    std::map<uint64_t, Row> model;
  };

  void Check(const Shown& shown) {
    ASSERT_EQ(shown.view.live_rows(), shown.model.size());
    const Vector query = maker_.Next();
    const bool grouped = random_() % 2 == 0;
    const uint32_t k = 1 + static_cast<uint32_t>(random_() % 30);
    const auto result = Search(
        shown.view,
        {.queries = query, .k = k, .exact = random_() % 3 == 0, .group_by_document = grouped},
        Call::Background(), scratch_);
    ASSERT_TRUE(result.ok());
    std::map<uint64_t, float> best;
    for (const auto& [ordinal, row] : shown.model) {
      const float score = static_cast<float>(OracleScore(metric_, query, row.vector));
      auto [it, fresh] = best.try_emplace(grouped ? ordinal - row.passage_index : ordinal, score);
      if (!fresh) it->second = std::max(it->second, score);
    }
    std::vector<float> scores;
    for (const auto& [group, score] : best) scores.push_back(score);
    std::sort(scores.begin(), scores.end(), std::greater<>());
    ASSERT_EQ(result->hits.size(), std::min<size_t>(k, scores.size()));
    for (size_t i = 0; i < result->hits.size(); ++i) {
      const Hit& hit = result->hits[i];
      ASSERT_NEAR(hit.score, scores[i], std::fabs(scores[i]) * 2e-7 + 1e-12) << "rank " << i;
      const auto row = shown.model.find(hit.ordinal);
      ASSERT_NE(row, shown.model.end());
      ASSERT_EQ(hit.passage_index, row->second.passage_index);
    }
    for (int probe = 0; probe < 20; ++probe) {
      const uint64_t ordinal = random_() % (next_ + 2);
      ASSERT_EQ(shown.view.Find(ordinal).has_value(), shown.model.contains(ordinal)) << ordinal;
    }
  }

  const Metric metric_;
  const uint32_t dimension_;
  VectorMaker maker_;
  std::mt19937_64& random_;
  std::unique_ptr<IndexWriter> writer_;
  SearchScratch scratch_;
  std::map<uint64_t, Row> model_;
  std::deque<Shown> shown_;
  uint64_t next_ = 0;
};

TEST(IndexWriterTest, AgreesWithAMapUnderRandomOperations) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    ModelRun run(seed);
    for (int step = 0; step < 120 && !HasFatalFailure(); ++step) {
      const uint64_t choice = run.random()() % 10;
      if (choice < 4) {
        run.Append(1 + static_cast<uint32_t>(run.random()() % (step % 10 == 0 ? 1500 : 60)));
      } else if (choice < 7) {
        run.Delete(run.random()() % 8 == 0 ? 3000 : 20);
      } else {
        run.Publish();
      }
    }
  }
}

}  // namespace
}  // namespace kith::index
