#include "storage/commit_batch.h"

#include <rocksdb/write_batch.h>

#include <bit>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "storage/commit_batch_rep.h"
#include "storage/database.h"
#include "storage/keys.h"
#include "storage/records.h"
#include "storage/rocksdb_status.h"
#include "storage/running_hash.h"
#include "storage/store.h"

namespace kith::storage {

static_assert(std::endian::native == std::endian::little,
              "vectors are stored as they lie in memory, and the format says little-endian");

namespace {

std::string LittleEndian(uint64_t value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

// Maps do not occur in our records, so that equal records have equal bytes.
template <typename Record>
std::string Serialize(const Record& record) {
  return record.SerializeAsString();
}

}  // namespace

CommitBatch::CommitBatch(const Store& store) : rep_(std::make_unique<Rep>(store.database_)) {}
CommitBatch::~CommitBatch() = default;
CommitBatch::CommitBatch(CommitBatch&&) noexcept = default;
CommitBatch& CommitBatch::operator=(CommitBatch&&) noexcept = default;

// --- Rep ---

CommitBatch::Rep::Rep(std::shared_ptr<internal::Database> of)
    : database(std::move(of)), batch(std::make_unique<rocksdb::WriteBatch>()) {}
CommitBatch::Rep::~Rep() = default;

void CommitBatch::Rep::Bug(std::string what) {
  if (!status.ok()) return;
  status = Error(absl::StatusCode::kInternal, reason::kInternal,
                 "a batch for the store was made wrongly: {}", what);
}

void CommitBatch::Rep::Check(const rocksdb::Status& result) {
  if (!result.ok()) Bug(FromRocksDb(result, "filling it").ToString());
}

void CommitBatch::Rep::Put(Family family, const std::string& key, std::string_view value) {
  Check(batch->Put(database->family(family), key, rocksdb::Slice(value.data(), value.size())));
}

void CommitBatch::Rep::Delete(Family family, const std::string& key) {
  Check(batch->Delete(database->family(family), key));
}

void CommitBatch::Rep::DeleteRange(Family family, const std::string& begin,
                                   const std::string& end) {
  Check(batch->DeleteRange(database->family(family), begin, end));
}

bool CommitBatch::Rep::InShard(bool limits_kept, std::string_view what) {
  if (!in_shard) {
    Bug(fmt::format("{} outside of Begin() and End()", what));
  } else if (!limits_kept) {
    Bug(fmt::format("{} breaks a limit", what));
  }
  return status.ok();
}

template <typename Record>
bool CommitBatch::Rep::Valid(const Record& record) {
  if (const std::string problem = ProblemOf(record); !problem.empty()) {
    Bug(fmt::format("{}: {}", record.GetTypeName(), problem));
  }
  return status.ok();
}

// --- A logical batch ---

void CommitBatch::Begin(ShardNumber shard, Sequence sequence, uint64_t running_hash) {
  Rep& rep = *rep_;
  if (rep.in_shard) return rep.Bug("Begin() within Begin() and End()");
  const auto ended = rep.ended.find(shard);
  if (sequence == 0 || (ended != rep.ended.end() && (sequence != ended->second.sequence + 1 ||
                                                     running_hash != ended->second.running_hash))) {
    return rep.Bug(fmt::format("sequence {} of shard {} does not follow", sequence, shard));
  }
  rep.in_shard = true;
  rep.shard = shard;
  rep.sequence = sequence;
  rep.hash.Begin(running_hash, sequence);
}

uint64_t CommitBatch::End() {
  Rep& rep = *rep_;
  if (!rep.in_shard) {
    rep.Bug("End() without Begin()");
    return 0;
  }
  rep.in_shard = false;
  const uint64_t digest = rep.hash.Digest();
  rep.ended[rep.shard] = {rep.sequence, digest, /*state_written=*/false};
  return digest;
}

void CommitBatch::PutDocument(std::string_view id, const store::DocumentRecord& record) {
  Rep& rep = *rep_;
  if (!rep.InShard(!id.empty() && id.size() <= kDocumentIdBytesMax, "a document") ||
      !rep.Valid(record)) {
    return;
  }
  rep.adds_data = true;
  const std::string key = DocumentKey(rep.shard, id);
  const std::string value = Serialize(record);
  rep.hash.Add(Operation::kPut, Family::kDocuments, key, value);
  rep.Put(Family::kDocuments, key, value);
}

void CommitBatch::DeleteDocument(std::string_view id) {
  Rep& rep = *rep_;
  if (!rep.InShard(!id.empty() && id.size() <= kDocumentIdBytesMax, "a document's deletion")) {
    return;
  }
  const std::string key = DocumentKey(rep.shard, id);
  rep.hash.Add(Operation::kDelete, Family::kDocuments, key, {});
  rep.Delete(Family::kDocuments, key);
}

void CommitBatch::PutText(TextId text_id, std::string_view text) {
  Rep& rep = *rep_;
  if (!rep.InShard(text_id != 0 && text.size() / kTextBlockBytes < UINT32_MAX, "a text")) return;
  rep.adds_data = true;
  // Hashed as one: what a block is may change one day.
  rep.hash.Add(Operation::kPut, Family::kText, TextKey(rep.shard, text_id, 0), text);
  for (uint32_t block = 0; !text.empty(); ++block) {
    const std::string_view part = text.substr(0, kTextBlockBytes);
    rep.Put(Family::kText, TextKey(rep.shard, text_id, block), part);
    text.remove_prefix(part.size());
  }
}

void CommitBatch::DeleteText(TextId text_id, uint64_t size_bytes) {
  Rep& rep = *rep_;
  if (!rep.InShard(text_id != 0 && size_bytes / kTextBlockBytes < UINT32_MAX,
                   "a text's deletion")) {
    return;
  }
  rep.hash.Add(Operation::kDeleteRange, Family::kText, TextKey(rep.shard, text_id, 0),
               LittleEndian(size_bytes));
  const uint64_t blocks = (size_bytes + kTextBlockBytes - 1) / kTextBlockBytes;
  for (uint64_t block = 0; block < blocks; ++block) {
    rep.Delete(Family::kText, TextKey(rep.shard, text_id, static_cast<uint32_t>(block)));
  }
}

void CommitBatch::PutPassage(SpaceNumber space, Ordinal ordinal,
                             const store::PassageRecord& record) {
  Rep& rep = *rep_;
  if (!rep.InShard(true, "a passage") || !rep.Valid(record)) return;
  rep.adds_data = true;
  const std::string key = OrdinalKey(rep.shard, space, ordinal);
  const std::string value = Serialize(record);
  rep.hash.Add(Operation::kPut, Family::kPassages, key, value);
  rep.Put(Family::kPassages, key, value);
}

void CommitBatch::PutVector(SpaceNumber space, Ordinal ordinal, uint32_t passage_index,
                            std::span<const float> vector) {
  Rep& rep = *rep_;
  if (!rep.InShard(!vector.empty() && vector.size() <= kDimensionMax, "a vector")) return;
  rep.adds_data = true;
  const std::string key = OrdinalKey(rep.shard, space, ordinal);
  // The value is the index and the floats; in two parts, so that the floats are copied once.
  const std::string_view index(reinterpret_cast<const char*>(&passage_index),
                               sizeof(passage_index));
  const std::string_view floats(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
  rep.hash.Add(Operation::kPut, Family::kVectors, key, index, floats);
  const rocksdb::Slice key_part(key);
  const rocksdb::Slice parts[] = {{index.data(), index.size()}, {floats.data(), floats.size()}};
  rep.Check(rep.batch->Put(rep.database->family(Family::kVectors),
                           rocksdb::SliceParts(&key_part, 1), rocksdb::SliceParts(parts, 2)));
}

void CommitBatch::DeletePassages(SpaceNumber space, Ordinal first, uint64_t count) {
  Rep& rep = *rep_;
  if (!rep.InShard(count <= UINT64_MAX - first, "a deletion of passages")) return;
  rep.hash.Add(Operation::kDeleteRange, Family::kPassages, OrdinalKey(rep.shard, space, first),
               LittleEndian(count));
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = OrdinalKey(rep.shard, space, first + i);
    rep.Delete(Family::kPassages, key);
    rep.Delete(Family::kVectors, key);
  }
}

void CommitBatch::PutTombstone(SpaceNumber space, Ordinal first, uint64_t count) {
  Rep& rep = *rep_;
  store::TombstoneRecord record;
  record.set_count(count);
  record.set_sequence(rep.sequence);
  if (!rep.InShard(count <= UINT64_MAX - first, "a tombstone") || !rep.Valid(record)) return;
  const std::string key = OrdinalKey(rep.shard, space, first);
  const std::string value = Serialize(record);
  rep.hash.Add(Operation::kPut, Family::kTombstones, key, value);
  rep.Put(Family::kTombstones, key, value);
}

void CommitBatch::PutUpdate(SpaceNumber space, Ordinal first, uint64_t count,
                            std::string_view document_id) {
  Rep& rep = *rep_;
  store::UpdateRecord record;
  record.set_count(count);
  record.set_sequence(rep.sequence);
  record.set_document_id(std::string(document_id));
  if (!rep.InShard(count <= UINT64_MAX - first, "an update") || !rep.Valid(record)) return;
  const std::string key = OrdinalKey(rep.shard, space, first);
  const std::string value = Serialize(record);
  rep.hash.Add(Operation::kPut, Family::kUpdates, key, value);
  rep.Put(Family::kUpdates, key, value);
}

void CommitBatch::PutRequest(std::string_view request_id, const store::RequestRecord& record) {
  Rep& rep = *rep_;
  if (!rep.InShard(!request_id.empty() && request_id.size() <= kRequestIdBytesMax, "a request") ||
      !rep.Valid(record)) {
    return;
  }
  const std::string key = RequestKey(rep.shard, request_id);
  const std::string value = Serialize(record);
  rep.hash.Add(Operation::kPut, Family::kRequests, key, value);
  rep.Put(Family::kRequests, key, value);
  rep.Put(Family::kRequests, RequestTimeKey(rep.shard, record.time_us(), request_id), {});
}

void CommitBatch::ExpireRequest(std::string_view request_id, int64_t time_us) {
  Rep& rep = *rep_;
  if (!rep.InShard(!request_id.empty() && request_id.size() <= kRequestIdBytesMax && time_us >= 0,
                   "a request's expiry")) {
    return;
  }
  const std::string key = RequestKey(rep.shard, request_id);
  rep.hash.Add(Operation::kDelete, Family::kRequests, key, {});
  rep.Delete(Family::kRequests, key);
  rep.Delete(Family::kRequests, RequestTimeKey(rep.shard, time_us, request_id));
}

// --- State and catalog rows ---

void CommitBatch::PutShardState(ShardNumber shard, const store::ShardState& state) {
  Rep& rep = *rep_;
  if (const auto ended = rep.ended.find(shard); ended != rep.ended.end()) {
    if (state.sequence() != ended->second.sequence ||
        state.running_hash() != ended->second.running_hash) {
      return rep.Bug(fmt::format("the state of shard {} has sequence {}, its last batch {}", shard,
                                 state.sequence(), ended->second.sequence));
    }
    ended->second.state_written = true;
  }
  rep.PutCatalog(CatalogKey(CatalogTag::kShardState, shard), state);
}

template <typename Record>
void CommitBatch::Rep::PutCatalog(const std::string& key, const Record& record) {
  if (Valid(record)) Put(Family::kCatalog, key, Serialize(record));
}

void CommitBatch::PutManifest(ShardNumber shard, SpaceNumber space,
                              const store::ManifestRecord& record) {
  rep_->swaps_manifest = true;
  rep_->PutCatalog(ManifestKey(shard, space), record);
}

void CommitBatch::PutServer(const store::ServerRecord& record) {
  rep_->PutCatalog(CatalogKey(CatalogTag::kServer), record);
}

void CommitBatch::PutCollection(CollectionNumber collection,
                                const store::CollectionRecord& record) {
  rep_->PutCatalog(CatalogKey(CatalogTag::kCollection, collection), record);
}

void CommitBatch::DeleteCollection(CollectionNumber collection) {
  rep_->Delete(Family::kCatalog, CatalogKey(CatalogTag::kCollection, collection));
  rep_->Delete(Family::kCatalog, CatalogKey(CatalogTag::kFieldRegistry, collection));
}

void CommitBatch::PutFieldRegistry(CollectionNumber collection,
                                   const store::FieldRegistry& registry) {
  rep_->PutCatalog(CatalogKey(CatalogTag::kFieldRegistry, collection), registry);
}

void CommitBatch::PutModel(std::string_view artifact_hash, const store::ModelRecord& record) {
  if (!IsArtifactHash(artifact_hash)) {
    return rep_->Bug(fmt::format("artifact hash {}", Quoted(artifact_hash)));
  }
  rep_->PutCatalog(CatalogKey(CatalogTag::kModel, artifact_hash), record);
}

void CommitBatch::DeleteModel(std::string_view artifact_hash) {
  rep_->Delete(Family::kCatalog, CatalogKey(CatalogTag::kModel, artifact_hash));
}

void CommitBatch::PutOperation(std::string_view operation_id,
                               const store::OperationRecord& record) {
  if (operation_id.empty() || operation_id.size() > kOperationIdBytesMax) {
    return rep_->Bug(fmt::format("an operation id of {} bytes", operation_id.size()));
  }
  rep_->PutCatalog(CatalogKey(CatalogTag::kOperation, operation_id), record);
}

void CommitBatch::DeleteOperation(std::string_view operation_id) {
  rep_->Delete(Family::kCatalog, CatalogKey(CatalogTag::kOperation, operation_id));
}

// --- Maintenance ---

void CommitBatch::DropShard(ShardNumber shard) {
  Rep& rep = *rep_;
  if (rep.in_shard || rep.ended.contains(shard)) {
    return rep.Bug(fmt::format("shard {} is written and dropped in one batch", shard));
  }
  for (Family family : kFamilies) {
    if (family == Family::kCatalog) continue;
    rep.DeleteRange(family, ShardPrefix(shard), ShardEnd(shard));
  }
  rep.Delete(Family::kCatalog, CatalogKey(CatalogTag::kShardState, shard));
  // Of all its spaces: no key of another shard lies between these.
  rep.DeleteRange(Family::kCatalog, CatalogKey(CatalogTag::kManifest, shard),
                  ManifestKey(shard, UINT16_MAX) + '\0');
}

void CommitBatch::DropSpace(ShardNumber shard, SpaceNumber space) {
  Rep& rep = *rep_;
  if (rep.in_shard) return rep.Bug("DropSpace() within Begin() and End()");
  for (Family family : kSpaceFamilies) {
    rep.DeleteRange(family, SpacePrefix(shard, space), SpaceEnd(shard, space));
  }
  rep.Delete(Family::kCatalog, ManifestKey(shard, space));
}

void CommitBatch::DropTombstones(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end) {
  Rep& rep = *rep_;
  if (begin > end) return rep.Bug(fmt::format("tombstones [{}, {}) dropped", begin, end));
  rep.DeleteRange(Family::kTombstones, OrdinalKey(shard, space, begin),
                  OrdinalKey(shard, space, end));
}

void CommitBatch::DropUpdates(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end) {
  Rep& rep = *rep_;
  if (begin > end) return rep.Bug(fmt::format("updates [{}, {}) dropped", begin, end));
  rep.DeleteRange(Family::kUpdates, OrdinalKey(shard, space, begin), OrdinalKey(shard, space, end));
}

// --- What it holds ---

bool CommitBatch::empty() const { return rep_->batch->Count() == 0; }
size_t CommitBatch::size_bytes() const { return rep_->batch->GetDataSize(); }
const absl::Status& CommitBatch::status() const { return rep_->status; }

void CommitBatch::Clear() {
  Rep& rep = *rep_;
  rep.batch->Clear();
  rep.ended.clear();
  rep.in_shard = false;
  rep.adds_data = false;
  rep.swaps_manifest = false;
  rep.status = absl::OkStatus();
}

}  // namespace kith::storage
