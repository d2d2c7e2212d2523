// The index in the background: sealed, merged, loaded again, repaired, and never wrong meanwhile.

#include <atomic>
#include <fstream>
#include <thread>

#include "absl/synchronization/notification.h"
#include "indexing_fixture.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using testing::IsEmpty;
using testing::SizeIs;

size_t Sealed(const IndexStatus& status) {
  size_t sealed = 0;
  for (const SegmentStatus& segment : status.segments) {
    sealed += segment.state == SegmentState::kSealed;
  }
  return sealed;
}

TEST_F(IndexingTest, SealedSegmentsAnswerAsTheLedgerSays) {
  options.indexing.merge_factor = 1000;  // so that no merge writes files while they are counted
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 500);
  Seal(*points);
  const IndexStatus status = points->index_status();
  EXPECT_EQ(status.debt_rows, 0U);
  EXPECT_EQ(status.indexed_rows, 500U);
  EXPECT_GE(status.seals, 1U);
  EXPECT_EQ(Sealed(status), status.segments.size());
  EXPECT_THAT(Files(".graph"), SizeIs(Sealed(status)));
  EXPECT_THAT(Files(".rows"), SizeIs(Sealed(status)));
  ExpectLedger(*points);
}

TEST_F(IndexingTest, AnEmptyIndexIsSealedAndMergedAtOnce) {
  auto points = CreateVectors("points", kDimension);
  Seal(*points);
  Merge(*points);
  EXPECT_THAT(points->index_status().segments, IsEmpty());
}

TEST_F(IndexingTest, ARestartLoadsTheSegmentsAndBuildsNone) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 400);
  Seal(*points);
  Merge(*points);
  Remove(*points, 10, 30);
  Write(*points, 100, 20);  // replaces: old rows die in the segment
  const auto files = Files("");
  const std::vector<SegmentStatus> before = points->index_status().segments;
  points.reset();
  Reopen();
  points = Find("points");
  const IndexStatus status = points->index_status();
  EXPECT_EQ(status.seals + status.merges + status.rebuilds, 0U);
  ASSERT_EQ(status.segments.size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(status.segments[i].id, before[i].id);
    EXPECT_EQ(status.segments[i].rows, before[i].rows);
    EXPECT_EQ(status.segments[i].deleted_rows, before[i].deleted_rows);
  }
  EXPECT_EQ(Files(""), files);
  EXPECT_EQ(Events("cannot be used"), 0);
  ExpectLedger(*points);
}

TEST_F(IndexingTest, AMergeLeavesOneSegmentWithoutTheDead) {
  auto points = CreateVectors("points", kDimension);
  for (int i = 0; i < 6; ++i) {
    Write(*points, i * 70, 70);
    Seal(*points);
  }
  Remove(*points, 50, 200);
  Merge(*points);
  const IndexStatus status = points->index_status();
  ASSERT_THAT(status.segments, SizeIs(1));
  EXPECT_EQ(status.segments[0].rows, 220U);
  EXPECT_EQ(status.segments[0].deleted_rows, 0U);
  EXPECT_THAT(Files(""), SizeIs(4));
  ExpectLedger(*points);
  points.reset();
  Reopen();
  ExpectLedger(*Find("points"));
}

TEST_F(IndexingTest, ASegmentWhoseRowsAreAllDeletedGoesWithItsFiles) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 100);
  Seal(*points);
  Remove(*points, 0, 100);
  EXPECT_THAT(points->index_status().segments, IsEmpty());
  Write(*points, 200, 80);
  Seal(*points);
  EXPECT_THAT(Files(".graph"), SizeIs(Sealed(points->index_status())));
  ExpectLedger(*points);
  Remove(*points, 200, 80);
  points.reset();
  Reopen();
  EXPECT_THAT(Files(""), IsEmpty());
  ExpectLedger(*Find("points"));
}

TEST_F(IndexingTest, WritesDuringBuildsAreInWhatIsBuilt) {
  options.indexing.merge_factor = 2;
  auto points = CreateVectors("points", kDimension);
  std::atomic<bool> stop{false};  // relaxed would do: a flag
  std::thread indexer([&] {
    while (!stop) {
      Seal(*points);
      Merge(*points);
    }
  });
  for (int round = 0; round < 40; ++round) {
    Write(*points, static_cast<int>(random() % 400), 40);
    Remove(*points, static_cast<int>(random() % 400), 15);
    Change(*points, static_cast<int>(random() % 400), 30);
  }
  stop = true;
  indexer.join();
  ExpectLedger(*points);
  points.reset();
  Reopen();
  ExpectLedger(*Find("points"));
}

// Every kind of damage, to any file: found, reported, made good from storage, never answered
// from.
class DamagedSegmentTest : public IndexingTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    auto points = CreateVectors("points", kDimension);
    Write(*points, 0, 300);
    Seal(*points);
    Remove(*points, 20, 20);
    Change(*points, 100, 5);
  }
  // Stops the server, calls `damage` on a file, starts again.
  template <typename Change>
  void Damage(const Change& damage) {
    database.reset();
    const auto files = Files(GetParam());
    ASSERT_FALSE(files.empty());
    damage(files[random() % files.size()]);
    Open();
  }
  void ExpectHealed() {
    auto points = Find("points");
    ExpectLedger(*points);
    Seal(*points);
    for (const SegmentStatus& segment : points->index_status().segments) {
      EXPECT_EQ(segment.state, SegmentState::kSealed);
    }
    ExpectLedger(*points);
    points.reset();
    {
      absl::MutexLock lock(&mu);
      events.clear();
    }
    Reopen();
    EXPECT_EQ(Events("cannot be used"), 0);
    ExpectLedger(*Find("points"));
  }
};

TEST_P(DamagedSegmentTest, FlippedAnywhereItIsMadeGood) {
  for (int round = 0; round < 12; ++round) {
    Damage([&](const std::filesystem::path& file) {
      std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
      const auto at = static_cast<std::streamoff>(random() % std::filesystem::file_size(file));
      bytes.seekg(at);
      const char byte = static_cast<char>(bytes.get() ^ (1 << random() % 8));
      bytes.seekp(at);
      bytes.put(byte);
    });
    ExpectHealed();
    if (HasFatalFailure()) return;
  }
}

TEST_P(DamagedSegmentTest, TruncatedAnywhereItIsMadeGood) {
  for (int round = 0; round < 6; ++round) {
    Damage([&](const std::filesystem::path& file) {
      std::filesystem::resize_file(file, random() % std::filesystem::file_size(file));
    });
    ExpectHealed();
    if (HasFatalFailure()) return;
  }
}

TEST_P(DamagedSegmentTest, MissingItIsMadeGood) {
  Damage([](const std::filesystem::path& file) { std::filesystem::remove(file); });
  EXPECT_EQ(Events("cannot be used"), 1);
  ExpectHealed();
}

TEST_P(DamagedSegmentTest, AnotherSegmentsFileIsNotTaken) {
  database.reset();
  const auto files = Files(GetParam());
  Open();
  auto points = Find("points");
  Write(*points, 500, 100);
  Seal(*points);
  points.reset();
  database.reset();
  const auto more = Files(GetParam());
  ASSERT_GT(more.size(), 1U);
  std::filesystem::copy_file(more[0], more[1], std::filesystem::copy_options::overwrite_existing);
  Open();
  EXPECT_EQ(Events("cannot be used"), 1);
  ExpectHealed();
}

INSTANTIATE_TEST_SUITE_P(Files, DamagedSegmentTest,
                         testing::Values(".graph", ".rows", ".terms", ".meta"),
                         [](const auto& info) { return std::string(info.param).substr(1); });

TEST_F(IndexingTest, RowsDamagedUnderTheServerAreReplacedWhileItRuns) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 300);
  Seal(*points);
  Merge(*points);
  points.reset();
  Reopen();  // nothing of the rows has been verified yet
  points = Find("points");
  const auto files = Files(".rows");
  ASSERT_THAT(files, SizeIs(1));
  {
    std::fstream bytes(files[0], std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(std::filesystem::file_size(files[0]) / 2));
    bytes.write("damage", 6);
  }
  const auto first = Search(*points, {.query = VectorQuery{Vector()}, .exact = true});
  EXPECT_THAT(first.status(), FailsWith(StatusCode::kUnavailable, reason::kIndexRepair));
  EXPECT_GT(DetailsOf(first.status()).retry_after, absl::ZeroDuration());
  ExpectLedger(*points);
  Seal(*points);
  EXPECT_EQ(points->index_status().rebuilds, 1U);
  ExpectLedger(*points);
}

TEST_F(IndexingTest, FilesThatNoManifestNamesAreRemovedAtStart) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 100);
  Seal(*points);
  points.reset();
  database.reset();
  const auto files = Files("");
  const std::filesystem::path shard = files.at(0).parent_path();
  for (const char* name : {"0-900.graph", "0-900.rows", "0-901.rows.tmp"}) {
    std::ofstream(shard / name) << "left behind";
  }
  Open();
  EXPECT_EQ(Files(""), files);
  EXPECT_EQ(Events("removed 3 files"), 1);
  ExpectLedger(*Find("points"));
}

TEST_F(IndexingTest, ADeletedCollectionLeavesNoFileAndNoBuild) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 600);
  const auto asked = points->MergeIndex();
  points.reset();
  const auto dropped = database->DeleteCollection("points", "");
  EXPECT_EQ(Finish(dropped).state, OperationState::kSucceeded);
  EXPECT_TRUE(Finish(asked).ended());
  EXPECT_THAT(Files(""), IsEmpty());
  database.reset();
  Open();
  EXPECT_THAT(Files(""), IsEmpty());
}

TEST_F(IndexingTest, WorkThatWasAskedForGoesOnAfterARestart) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 600);
  const auto asked = points->MergeIndex();
  ASSERT_TRUE(asked.ok());
  points.reset();
  Reopen();
  const Operation ended = Finish(asked);
  EXPECT_EQ(ended.state, OperationState::kSucceeded) << ended.error;
  EXPECT_EQ(ended.kind, OperationKind::kMergeIndex);
  EXPECT_EQ(ended.target, "points");
  points = Find("points");
  EXPECT_THAT(points->index_status().segments, SizeIs(1));
  ExpectLedger(*points);
}

TEST_F(IndexingTest, WorkThatIsCancelledEndsSo) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 2000);
  const auto asked = points->MergeIndex();
  ASSERT_TRUE(asked.ok());
  ASSERT_TRUE(database->operations().Cancel(asked->id).ok());
  const Operation ended = Finish(asked);
  EXPECT_TRUE(ended.state == OperationState::kCancelled ||
              ended.state == OperationState::kSucceeded);
  ExpectLedger(*points);
}

TEST_F(IndexingTest, IndexDebtRefusesWritesAndNothingElse) {
  options.indexing.seal_rows = 8192;
  options.indexing.debt_paced_rows = 200;
  options.indexing.debt_refused_rows = 200;
  options.indexing.pace_max = std::chrono::milliseconds(1);
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 200);
  const auto refused = Upsert(*points, {Vec("one more", Vector())});
  EXPECT_THAT(refused.status(), FailsWith(StatusCode::kResourceExhausted, reason::kIndexDebt));
  EXPECT_EQ(points->index_status().debt_rows, 200U);
  EXPECT_EQ(points->index_status().debt_refused_rows, 200U);
  Remove(*points, 0, 10);
  ExpectLedger(*points);
  Seal(*points);
  Write(*points, 300, 10);
  ExpectLedger(*points);
}

TEST_F(IndexingTest, PacedWritersAreAllAnswered) {
  options.indexing.debt_paced_rows = 1;
  options.indexing.pace_max = std::chrono::milliseconds(2);
  auto points = CreateVectors("points", kDimension);
  std::vector<std::thread> writers;
  std::atomic<int> written{0};  // a count
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 30; ++i) {
        const std::vector<float> values(kDimension, static_cast<float>(writer * 100 + i));
        written += Upsert(*points, {Vec(fmt::format("{}-{}", writer, i), values)}).ok();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(written, 120);
  EXPECT_EQ(points->Stats()->documents, 120U);
}

TEST_F(IndexingTest, EveryQuantizationAnswersAndIsSaid) {
  const std::map<Quantization, std::string> kinds = {{Quantization::kInt4, "int4"},
                                                     {Quantization::kInt8, "int8"},
                                                     {Quantization::kF16, "f16"},
                                                     {Quantization::kF32, "f32"}};
  for (const auto& [kind, name] : kinds) {
    SCOPED_TRACE(name);
    ledger.clear();
    metadata.clear();
    CollectionSpec spec;
    spec.name = "q" + name;
    spec.dimension = kDimension;
    spec.metric = Metric::kL2;
    spec.index = {kind, 8, 50};
    auto points = Create(spec);
    Write(*points, 0, 200);
    Seal(*points);
    for (const SegmentStatus& segment : points->index_status().segments) {
      EXPECT_EQ(segment.quantization, name);
    }
    ExpectLedger(*points);
    points.reset();
    Reopen();
    EXPECT_EQ(Find(spec.name)->info().space.index, spec.index);
    ExpectLedger(*Find(spec.name));
  }
}

TEST_F(IndexingTest, ChangedSettingsAreThoseOfTheNextBuild) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 100);
  Seal(*points);
  CollectionUpdate update;
  update.index = IndexSettings{Quantization::kF16, 8, 64};
  const auto updated = database->UpdateCollection("points", update);
  ASSERT_TRUE(updated.ok()) << updated.status();
  EXPECT_EQ(updated->space.index, *update.index);
  Write(*points, 100, 100);
  Merge(*points);
  ASSERT_THAT(points->index_status().segments, SizeIs(1));
  EXPECT_EQ(points->index_status().segments[0].quantization, "f16");
}

TEST_F(IndexingTest, SettingsOutOfRangeAreRefused) {
  Open();
  const auto refused = [&](IndexSettings settings) {
    CollectionSpec spec;
    spec.name = "points";
    spec.dimension = kDimension;
    spec.index = settings;
    return DetailsOf(database->CreateCollection(spec).status()).field;
  };
  EXPECT_EQ(refused({Quantization::kAuto, 3, 200}), "index.m");
  EXPECT_EQ(refused({Quantization::kAuto, 65, 200}), "index.m");
  EXPECT_EQ(refused({Quantization::kAuto, 16, 15}), "index.ef_construction");
  EXPECT_EQ(refused({Quantization::kAuto, 16, 2001}), "index.ef_construction");
  EXPECT_EQ(refused({static_cast<Quantization>(9), 16, 200}), "index.quantization");
  EXPECT_EQ(refused({Quantization::kAuto, 4, 16}), "");
}

TEST_F(IndexingTest, RecallIsMeasuredOnDemand) {
  auto points = CreateVectors("points", kDimension);
  Write(*points, 0, 400);
  Merge(*points);
  const auto measure = [&](RecallRequest request) {
    absl::StatusOr<RecallAnswer> answer;
    absl::Notification done;
    points->MeasureRecall(std::move(request), NoDeadline(), [&](auto given) {
      answer = std::move(given);
      done.Notify();
    });
    done.WaitForNotification();
    return answer;
  };
  RecallRequest request;
  request.sample = 50;
  auto answer = measure(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->queries, 50U);
  EXPECT_GE(answer->recall, 0.9);
  EXPECT_LE(answer->worst_recall, answer->recall);
  EXPECT_FALSE(answer->advice.empty());
  request.queries = Vector();
  answer = measure(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->queries, 1U);

  request.queries.pop_back();
  EXPECT_THAT(measure(request).status(),
              FailsWith(StatusCode::kInvalidArgument, reason::kDimensionMismatch));
  request.queries.clear();
  for (const uint32_t sample : {0U, 1001U}) {
    request.sample = sample;
    EXPECT_THAT(measure(request).status(),
                FailsWith(StatusCode::kInvalidArgument, reason::kLimitOutOfRange));
  }
  request.sample = 10;
  request.k = 0;
  EXPECT_THAT(measure(request).status(),
              FailsWith(StatusCode::kInvalidArgument, reason::kLimitOutOfRange));
  request.k = 10;
  request.target_recall = 0.9;
  request.ef = 10;
  EXPECT_THAT(measure(request).status(),
              FailsWith(StatusCode::kInvalidArgument, reason::kInvalidRequest));
}

TEST_F(IndexingTest, TuningOutOfRangeIsRefused) {
  auto points = CreateVectors("points", kDimension);
  const auto field = [&](SearchRequest request) {
    request.query = VectorQuery{Vector()};
    return DetailsOf(Search(*points, request).status()).field;
  };
  EXPECT_EQ(field({.target_recall = 0.49}), "tuning.target_recall");
  EXPECT_EQ(field({.target_recall = 1.01}), "tuning.target_recall");
  EXPECT_EQ(field({.target_recall = std::nan("")}), "tuning.target_recall");
  EXPECT_EQ(field({.ef = 0}), "tuning.ef");
  EXPECT_EQ(field({.ef = kEfMax + 1}), "tuning.ef");
  EXPECT_EQ(field({.exact = true, .ef = 10}), "tuning");
  EXPECT_EQ(field({.target_recall = 0.9, .ef = 10}), "tuning");
  EXPECT_EQ(field({.target_recall = 1}), "");
  EXPECT_EQ(field({.ef = kEfMax}), "");
}

TEST_F(IndexingTest, MemoryIsEstimatedBeforeItIsTaken) {
  options.memory_budget_bytes = uint64_t{1} << 30;
  Open();
  EstimateRequest request;
  request.dimension = 384;
  const auto estimate = [&] {
    return EstimateCollection(request, database->limits(), database->Info());
  };
  uint64_t last = 0;
  for (const uint64_t passages : {0ULL, 1ULL, 10'000ULL, 1'000'000ULL, 100'000'000ULL}) {
    request.passages = passages;
    const auto estimated = estimate();
    ASSERT_TRUE(estimated.ok()) << estimated.status();
    EXPECT_EQ(estimated->cached_bytes, passages * 384 * 4);
    EXPECT_GE(estimated->resident_bytes, last);
    EXPECT_EQ(estimated->fits, passages <= 10'000) << passages;
    EXPECT_EQ(estimated->budget_bytes, options.memory_budget_bytes);
    last = estimated->resident_bytes;
  }
  request.dimension = 4097;
  EXPECT_FALSE(estimate().ok());
  request.dimension = 384;
  request.mean_text_bytes = -1;
  EXPECT_FALSE(estimate().ok());
  request.mean_text_bytes = 0;
  request.index.m = 1;
  EXPECT_FALSE(estimate().ok());

  CollectionSpec spec;
  spec.name = "large";
  spec.dimension = 384;
  spec.expected_passages = 100'000'000;
  EXPECT_THAT(database->CreateCollection(spec).status(),
              FailsWith(StatusCode::kResourceExhausted, reason::kMemoryBudget));
  spec.expected_passages = 10'000;
  EXPECT_TRUE(database->CreateCollection(spec).ok());
}

// For ThreadSanitizer above all: everything at once, and the collection goes in the middle of it.
TEST_F(IndexingTest, SearchesWritesSealsMergesAndADropAtOnce) {
  options.indexing.merge_factor = 2;
  options.indexing.sampler_share = 0.5;
  for (int round = 0; round < 2; ++round) {
    auto points = CreateVectors("points", kDimension);
    std::vector<std::thread> threads;
    std::atomic<bool> stop{false};
    const auto repeat = [&](uint64_t salt, auto work) {
      threads.emplace_back([&stop, work, seed = seed + salt]() mutable {
        std::mt19937_64 own(seed);
        while (!stop) work(own);
      });
    };
    const auto any = [](std::mt19937_64& own) {
      std::vector<float> values(kDimension);
      for (float& value : values) value = static_cast<float>(own() % 1000);
      return values;
    };
    for (uint64_t writer = 1; writer <= 2; ++writer) {
      repeat(writer, [&](std::mt19937_64& own) {
        std::vector<DocumentInput> batch;
        const uint64_t first = own() % 500;
        for (uint64_t i = 0; i < 30; ++i) batch.push_back(Vec(std::to_string(first + i), any(own)));
        Upsert(*points, std::move(batch)).IgnoreError();
        Delete(*points, {std::to_string(own() % 500), std::to_string(own() % 500)}).IgnoreError();
      });
    }
    for (uint64_t reader = 3; reader <= 4; ++reader) {
      repeat(reader, [&](std::mt19937_64& own) {
        const auto found = Search(*points, {.query = VectorQuery{any(own)}});
        EXPECT_TRUE(found.ok()) << found.status();
        points->index_status();
      });
    }
    repeat(5, [&](std::mt19937_64&) {
      points->SealIndex().IgnoreError();
      Finish(points->MergeIndex());
    });
    // Enough happened: counted in merges, not in time.
    while (points->index_status().merges < 5) std::this_thread::yield();
    const auto dropped = database->DeleteCollection("points", "");
    stop = true;
    for (std::thread& thread : threads) thread.join();
    points.reset();
    EXPECT_EQ(Finish(dropped).state, OperationState::kSucceeded);
    EXPECT_THAT(Files(""), IsEmpty());
  }
}

}  // namespace
}  // namespace kith::engine
