#include "indexing_fixture.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <set>

#include "absl/synchronization/notification.h"
#include "server/engine/records.h"
#include "server/engine/shard.h"

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

Metadata IndexingTest::RandomMetadata() {
  Metadata fields;
  if (random() % 4 != 0) fields["lang"] = std::string(random() % 2 == 0 ? "en" : "de");
  if (random() % 4 != 0) fields["year"] = static_cast<int64_t>(1990 + random() % 30);
  if (random() % 2 == 0) fields["tags"] = std::vector<std::string>{"a", "b"};
  if (random() % 2 == 0) fields["at"] = Timestamp{static_cast<int64_t>(random() % 1'000'000)};
  return fields;
}

void IndexingTest::Write(Collection& collection, int first, int count) {
  for (int begin = first; begin < first + count; begin += kBatch) {
    std::vector<DocumentInput> batch;
    for (int i = begin; i < std::min(begin + kBatch, first + count); ++i) {
      const std::string id = std::to_string(i);
      ledger[id] = Vector();
      metadata[id] = RandomMetadata();
      batch.push_back(Vec(id, ledger[id], metadata[id]));
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
    metadata.erase(ids.back());
  }
  const auto removed = Delete(collection, ids);
  ASSERT_TRUE(removed.ok()) << removed.status();
}

void IndexingTest::Change(Collection& collection, int first, int count) {
  std::vector<MetadataChange> changes;
  for (int i = first; i < first + count; ++i) {
    MetadataChange& change = changes.emplace_back();
    change.id = std::to_string(i);
    change.set = RandomMetadata();
    change.set["changed"] = static_cast<int64_t>(random() % 1000);
    change.replace = random() % 3 == 0;
    for (const char* field : {"lang", "at"}) {
      if (!change.set.contains(field)) change.remove.push_back(field);
    }
    const auto known = metadata.find(change.id);
    if (known == metadata.end()) continue;
    if (change.replace) known->second.clear();
    for (const std::string& field : change.remove) known->second.erase(field);
    for (const auto& [field, value] : change.set) known->second[field] = value;
  }
  const auto changed = UpdateMetadata(collection, std::move(changes));
  ASSERT_TRUE(changed.ok()) << changed.status();
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

void IndexingTest::ExpectCompanions(Collection& collection) {
  const std::shared_ptr<const View> view = collection.shard()->served()->view();
  const storage::Reader reader(view->snapshot);
  const uint32_t shard = collection.shard()->identity().shard;
  std::set<std::string> seen;
  for (const index::SegmentView& segment : view->index.segments()) {
    std::vector<uint64_t> ordinals;
    for (uint32_t slot = 0; slot < segment.visible; ++slot) {
      ordinals.push_back(segment.Ordinal(slot));
    }
    const auto passages =
        reader.GetPassages(shard, collection.shard()->served()->identity().space, ordinals);
    ASSERT_TRUE(passages.ok()) << passages.status();
    for (uint32_t slot = 0; slot < segment.visible; ++slot) {
      if (segment.deleted.Contains(slot)) continue;
      const auto& passage = passages->at(slot);
      ASSERT_TRUE(passage.has_value()) << "ordinal " << ordinals[slot];
      const std::string& id = passage->document_id();
      seen.insert(id);
      const auto record = reader.GetDocument(shard, id);
      ASSERT_TRUE(record.ok() && record->has_value()) << id;
      const auto stored = ReadMetadata(**record);
      ASSERT_TRUE(stored.ok());
      EXPECT_EQ(*stored, metadata.at(id)) << "storage has other metadata of " << id;
      EXPECT_EQ(segment.metadata.Row(slot), metadata.at(id))
          << "the index has other metadata of " << id << " at ordinal " << ordinals[slot];
      EXPECT_EQ(segment.metadata.Heads(segment.visible).Contains(slot),
                passage->passage_index() == 0);
      const uint32_t terms = segment.sealed != nullptr ? segment.sealed->terms()->length(slot)
                                                       : segment.growing_terms->length(slot);
      uint32_t expected = 0;
      if ((*record)->text_id() != 0) {
        const auto text =
            reader.ReadText(shard, (*record)->text_id(), passage->begin(), passage->end());
        ASSERT_TRUE(text.ok());
        expected = collection.shard()->rows()->Terms(passage->heading_path(), *text).length();
      }
      EXPECT_EQ(terms, expected) << id;
    }
  }
  EXPECT_EQ(seen.size(), metadata.size());
}

void IndexingTest::ExpectLedger(Collection& collection) {
  ExpectCompanions(collection);
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
      EXPECT_NEAR(*exact->hits[j].passages[0].distance, std::sqrt(best[j].first), 1e-3);
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
  return CountEvents(part);
}

int IndexingTest::CountEvents(std::string_view part) const {
  return static_cast<int>(std::count_if(
      events.begin(), events.end(),
      [part](const std::string& event) { return event.find(part) != std::string::npos; }));
}

void IndexingTest::AwaitEvents(const std::string& part, int count) const {
  absl::MutexLock lock(&mu);
  const auto come = [&] {
    mu.AssertHeld();
    return CountEvents(part) >= count;
  };
  mu.Await(absl::Condition(&come));
}

}  // namespace kith::engine
