#include "tests/storage/test_support.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "fmt/format.h"
#include "kith/base/check.h"
#include "kith/base/status_macros.h"

namespace kith::storage {
namespace {

absl::Status Differs(const std::string& what) {
  return absl::InternalError("the shard differs: " + what);
}

}  // namespace

uint64_t TestSeed() {
  const char* const given = std::getenv("KITH_TEST_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("KITH_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void WriteBytes(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::string> FilesIn(const std::string& folder, std::string_view suffix) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().ends_with(suffix)) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

StoreOptions SmallOptions(const std::string& data_dir) {
  StoreOptions options;
  options.data_dir = data_dir;
  options.memory_bytes = 32 << 20;
  options.disk_reserve_bytes = 0;
  return options;
}

TestDocument::TestDocument(uint64_t seed) {
  std::mt19937_64 random(seed);
  constexpr size_t kSizes[] = {0,     1,     100,   3000,  5000,  32767,
                               32768, 32769, 65535, 65536, 65537, 100'000};
  text.resize(kSizes[random() % std::size(kSizes)]);
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  vectors.resize(1 + random() % 4);
  for (auto& vector : vectors) {
    for (uint32_t i = 0; i < TestShard::kDimension; ++i) {
      vector.push_back(static_cast<float>(static_cast<int64_t>(random() % 2001) - 1000) / 7.0F);
    }
  }
  keyword = fmt::format("k{}", random() % 100);
}

absl::StatusOr<TestShard> TestShard::Load(Store& store, ShardNumber shard) {
  KITH_ASSIGN_OR_RETURN(const Catalog catalog, store.LoadCatalog());
  TestShard loaded(store, shard);
  if (const auto it = catalog.shards.find(shard); it != catalog.shards.end()) {
    loaded.state_ = it->second;
  } else {
    loaded.state_.set_next_text_id(1);
    loaded.state_.add_spaces()->set_space(kSpace);
  }
  return loaded;
}

void TestShard::Remove(CommitBatch& batch, const store::DocumentRecord& old) {
  if (old.text_id() != 0) batch.DeleteText(old.text_id(), old.text_size_bytes());
  for (const store::PassageRange& range : old.passages()) {
    const auto space = static_cast<SpaceNumber>(range.space());
    batch.DeletePassages(space, range.first_ordinal(), range.passage_count());
    batch.PutTombstone(space, range.first_ordinal(), range.passage_count());
    state_.set_live_passages(state_.live_passages() - range.passage_count());
  }
  state_.set_live_text_bytes(state_.live_text_bytes() - old.text_size_bytes());
  state_.set_live_documents(state_.live_documents() - 1);
}

absl::Status TestShard::Finish(CommitBatch& batch, Durability durability) {
  state_.set_running_hash(batch.End());
  state_.set_sequence(state_.sequence() + 1);
  batch.PutShardState(shard_, state_);
  return store_->Commit(batch, durability);
}

absl::Status TestShard::Upsert(std::string_view id, uint64_t seed, Durability durability) {
  const store::ShardState before = state_;
  const TestDocument document(seed);
  KITH_ASSIGN_OR_RETURN(const auto old, store_->Latest().GetDocument(shard_, id));

  CommitBatch batch(*store_);
  batch.Begin(shard_, state_.sequence() + 1, state_.running_hash());
  if (old) Remove(batch, *old);
  store::SpaceCounter& counter = *state_.mutable_spaces(0);
  store::DocumentRecord record;
  record.set_sequence(state_.sequence() + 1);
  record.set_content_hash(std::to_string(seed));
  if (!document.text.empty()) {
    record.set_text_id(state_.next_text_id());
    record.set_text_size_bytes(document.text.size());
    batch.PutText(state_.next_text_id(), document.text);
    state_.set_next_text_id(state_.next_text_id() + 1);
  }
  store::PassageRange& range = *record.add_passages();
  range.set_first_ordinal(counter.next_ordinal());
  range.set_passage_count(static_cast<uint32_t>(document.vectors.size()));
  store::MetadataEntry& entry = *record.add_metadata();
  entry.set_key("k");
  entry.mutable_value()->set_keyword(document.keyword);
  for (uint32_t i = 0; i < document.vectors.size(); ++i) {
    store::PassageRecord passage;
    passage.set_document_id(std::string(id));
    passage.set_passage_index(i);
    batch.PutPassage(kSpace, counter.next_ordinal(), passage);
    batch.PutVector(kSpace, counter.next_ordinal(), i, document.vectors[i]);
    counter.set_next_ordinal(counter.next_ordinal() + 1);
  }
  batch.PutDocument(id, record);
  state_.set_live_documents(state_.live_documents() + 1);
  state_.set_live_passages(state_.live_passages() + document.vectors.size());
  state_.set_live_text_bytes(state_.live_text_bytes() + document.text.size());
  absl::Status status = Finish(batch, durability);
  if (!status.ok()) state_ = before;
  return status;
}

absl::Status TestShard::Delete(std::string_view id, Durability durability) {
  const store::ShardState before = state_;
  KITH_ASSIGN_OR_RETURN(const auto old, store_->Latest().GetDocument(shard_, id));
  if (!old) return absl::OkStatus();
  CommitBatch batch(*store_);
  batch.Begin(shard_, state_.sequence() + 1, state_.running_hash());
  Remove(batch, *old);
  batch.DeleteDocument(id);
  absl::Status status = Finish(batch, durability);
  if (!status.ok()) state_ = before;
  return status;
}

absl::Status CheckShard(const Reader& reader, const store::ShardState& state, ShardNumber shard,
                        const ExpectedDocuments& expected) {
  const Call& call = Call::Background();
  KITH_ASSIGN_OR_RETURN(const auto listed,
                        reader.ListDocuments(shard, "", expected.size() + 1, "", call));
  if (listed.size() != expected.size() || state.live_documents() != expected.size()) {
    return Differs(fmt::format("{} documents listed, {} counted, {} expected", listed.size(),
                               state.live_documents(), expected.size()));
  }
  std::map<Ordinal, uint32_t> live;
  uint64_t text_bytes = 0;
  auto next = expected.begin();
  for (const ListedDocument& document : listed) {
    const auto& [id, seed] = *next++;
    const TestDocument truth(seed);
    if (document.id != id || document.record.content_hash() != std::to_string(seed)) {
      return Differs(fmt::format("{} of {} instead of {} of {}", document.id,
                                 document.record.content_hash(), id, seed));
    }
    if (document.record.metadata(0).value().keyword() != truth.keyword) return Differs("metadata");
    KITH_ASSIGN_OR_RETURN(
        const std::string text,
        reader.ReadText(shard, document.record.text_id(), 0, document.record.text_size_bytes()));
    if (text != truth.text) return Differs(fmt::format("the text of {}", id));
    text_bytes += text.size();
    const store::PassageRange& range = document.record.passages(0);
    if (range.passage_count() != truth.vectors.size()) return Differs("passage count");
    std::vector<Ordinal> ordinals;
    for (uint32_t i = 0; i < range.passage_count(); ++i) {
      ordinals.push_back(range.first_ordinal() + i);
      live[range.first_ordinal() + i] = i;
    }
    KITH_ASSIGN_OR_RETURN(const auto passages,
                          reader.GetPassages(shard, TestShard::kSpace, ordinals));
    KITH_ASSIGN_OR_RETURN(const auto vectors, reader.GetVectors(shard, TestShard::kSpace,
                                                                TestShard::kDimension, ordinals));
    for (uint32_t i = 0; i < range.passage_count(); ++i) {
      if (!passages[i] || passages[i]->document_id() != id || passages[i]->passage_index() != i) {
        return Differs(fmt::format("passage {} of {}", i, id));
      }
      if (!vectors[i] || vectors[i]->values != truth.vectors[i] || vectors[i]->passage_index != i) {
        return Differs(fmt::format("vector {} of {}", i, id));
      }
    }
  }
  if (state.live_text_bytes() != text_bytes || state.live_passages() != live.size()) {
    return Differs("the state's counts");
  }
  // The scans see exactly the live ordinals, and every other ordinal has its tombstone.
  std::map<Ordinal, uint32_t> scanned;
  KITH_RETURN_IF_ERROR(reader.ScanVectors(
      shard, TestShard::kSpace, TestShard::kDimension, 0, UINT64_MAX,
      [&](Ordinal ordinal, uint32_t index, std::span<const float>) {
        scanned[ordinal] = index;
        return true;
      },
      call));
  if (scanned != live) return Differs("the vectors that a scan sees");
  std::set<Ordinal> dead;
  KITH_RETURN_IF_ERROR(reader.ScanTombstones(
      shard, TestShard::kSpace, 0, UINT64_MAX,
      [&](const Tombstone& tombstone) {
        for (uint64_t i = 0; i < tombstone.count; ++i) dead.insert(tombstone.first + i);
        return true;
      },
      call));
  const Ordinal next_ordinal = state.spaces(0).next_ordinal();
  if (dead.size() + live.size() != next_ordinal) return Differs("the tombstones");
  for (Ordinal ordinal = 0; ordinal < next_ordinal; ++ordinal) {
    if (dead.contains(ordinal) == live.contains(ordinal)) return Differs("a tombstone");
  }
  return absl::OkStatus();
}

}  // namespace kith::storage
