#include "indexing_fixture.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "absl/synchronization/notification.h"

namespace kith::engine {
namespace {

constexpr int kBatch = 40;
constexpr int kCheckedQueries = 30;
constexpr int64_t kLimit = 10;

double Squares(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

}  // namespace

IndexingTest::IndexingTest() : seed(std::random_device()()), random(seed) {
  std::cerr << "seed " << seed << "\n";
  options.indexing.threads = 2;
  options.indexing.seal_rows = 64;
  options.indexing.idle_rows = 1'000'000;  // nothing happens by the clock
  options.indexing.idle = std::chrono::hours(1);
  options.indexing.merge_factor = 4;
  options.on_event = [this](const Event& event) {
    absl::MutexLock lock(&mu);
    events.push_back(event.message);
  };
}

std::vector<float> IndexingTest::Vector() {
  std::normal_distribution<float> normal;
  std::vector<float> values(kDimension);
  const auto cluster = static_cast<float>(random() % 10);
  for (float& value : values) value = cluster + normal(random);
  return values;
}

void IndexingTest::Write(Collection& collection, int first, int count) {
  for (int begin = first; begin < first + count; begin += kBatch) {
    std::vector<DocumentInput> batch;
    for (int i = begin; i < std::min(begin + kBatch, first + count); ++i) {
      const std::string id = std::to_string(i);
      ledger[id] = Vector();
      batch.push_back(Vec(id, ledger[id]));
    }
    const auto written = Upsert(collection, std::move(batch));
    ASSERT_TRUE(written.ok()) << written.status();
  }
}

void IndexingTest::Remove(Collection& collection, int first, int count) {
  std::vector<std::string> ids;
  for (int i = first; i < first + count; ++i) {
    ids.push_back(std::to_string(i));
    ledger.erase(ids.back());
  }
  const auto removed = Delete(collection, ids);
  ASSERT_TRUE(removed.ok()) << removed.status();
}

Operation IndexingTest::Finish(const absl::StatusOr<Operation>& begun) {
  EXPECT_TRUE(begun.ok()) << begun.status();
  if (!begun.ok()) return {};
  Operation ended;
  absl::Notification done;
  database->operations().Wait(begun->id, Call::Clock::time_point::max(),
                              [&](absl::StatusOr<Operation> now) {
                                if (now.ok()) ended = *now;
                                done.Notify();
                              });
  done.WaitForNotification();
  return ended;
}

void IndexingTest::Seal(Collection& collection) {
  const Operation ended = Finish(collection.SealIndex());
  EXPECT_EQ(ended.state, OperationState::kSucceeded) << ended.error;
  EXPECT_EQ(ended.done, ended.total);
}

void IndexingTest::Merge(Collection& collection) {
  const Operation ended = Finish(collection.MergeIndex());
  EXPECT_EQ(ended.state, OperationState::kSucceeded) << ended.error;
  EXPECT_EQ(ended.done, ended.total);
}

absl::StatusOr<SearchAnswer> IndexingTest::SearchRepaired(Collection& collection,
                                                          const SearchRequest& request) {
  for (;;) {
    auto found = Search(collection, request);
    if (found.ok() || DetailsOf(found.status()).reason != reason::kIndexRepair) return found;
  }
}

void IndexingTest::ExpectLedger(Collection& collection) {
  const auto stats = collection.Stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->passages, ledger.size());
  EXPECT_EQ(collection.index_status().live_rows, ledger.size());
  size_t found_by_graph = 0;
  size_t wanted = 0;
  for (int i = 0; i < kCheckedQueries; ++i) {
    const std::vector<float> query = Vector();
    std::vector<std::pair<double, std::string>> best;
    for (const auto& [id, values] : ledger) best.emplace_back(Squares(query, values), id);
    std::sort(best.begin(), best.end());
    best.resize(std::min<size_t>(best.size(), kLimit));
    const auto exact =
        SearchRepaired(collection, {.query = VectorQuery{query}, .limit = kLimit, .exact = true});
    ASSERT_TRUE(exact.ok()) << exact.status();
    ASSERT_EQ(exact->hits.size(), best.size());
    for (size_t j = 0; j < best.size(); ++j) {
      EXPECT_NEAR(exact->hits[j].passages[0].distance, std::sqrt(best[j].first), 1e-3);
    }
    const auto graph = SearchRepaired(collection, {.query = VectorQuery{query}, .limit = kLimit});
    ASSERT_TRUE(graph.ok()) << graph.status();
    ASSERT_EQ(graph->hits.size(), best.size());
    const std::vector<std::string> right = Ids(*exact);
    for (const std::string& id : Ids(*graph)) {
      EXPECT_TRUE(ledger.contains(id)) << id << " was deleted";
      found_by_graph += std::count(right.begin(), right.end(), id) > 0;
    }
    wanted += best.size();
  }
  if (wanted == 0) return;
  // The target is a mean over many queries; of so few it may miss by a little.
  EXPECT_GE(static_cast<double>(found_by_graph) / static_cast<double>(wanted),
            kDefaultTargetRecall - 0.05);
}

std::vector<std::filesystem::path> IndexingTest::Files(std::string_view ending) const {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path segments = folder.path() / "data" / "segments";
  if (!std::filesystem::exists(segments)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(segments)) {
    if (entry.is_regular_file() && entry.path().string().ends_with(ending)) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

int IndexingTest::Events(std::string_view part) const {
  absl::MutexLock lock(&mu);
  return static_cast<int>(std::count_if(
      events.begin(), events.end(),
      [&](const std::string& event) { return event.find(part) != std::string::npos; }));
}

}  // namespace kith::engine
