// Scans: rows in the order of their keys; reader.cc has the point reads.

#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <memory>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/database.h"
#include "storage/keys.h"
#include "storage/reader.h"
#include "storage/reader_access.h"
#include "storage/records.h"
#include "storage/rocksdb_status.h"
#include "storage/vector_row.h"

namespace kith::storage {
namespace {

// How many rows pass between two looks at the call.
constexpr uint64_t kRowsPerCheck = 1024;
// Of a replay: the disk is read in order.
constexpr size_t kReadaheadBytes = 2 << 20;

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// Visits the rows of `family` with begin <= key < end. `visit` returns StatusOr<bool>: whether to
// go on.
template <typename Visit>
absl::Status Scan(const Reader::Access& access, rocksdb::ReadOptions options, Family family,
                  const std::string& begin, const std::string& end, const Call& call,
                  const Visit& visit) {
  const rocksdb::Slice upper_bound(end);
  options.iterate_upper_bound = &upper_bound;
  // A scan is never made on a thread that must not wait.
  options.read_tier = rocksdb::kReadAllTier;
  const std::unique_ptr<rocksdb::Iterator> rows(
      access.database->db().NewIterator(options, access.database->family(family)));
  uint64_t visited = 0;
  for (rows->Seek(begin); rows->Valid(); rows->Next()) {
    if (visited++ % kRowsPerCheck == 0) KITH_RETURN_IF_ERROR(call.Check());
    KITH_ASSIGN_OR_RETURN(const bool go_on, visit(View(rows->key()), View(rows->value())));
    if (!go_on) return absl::OkStatus();
  }
  if (rows->status().ok()) return absl::OkStatus();
  return FromRocksDb(rows->status(), "scanning from " + DescribeKey(family, begin));
}

// Reads far ahead, and leaves the cache to the searches.
rocksdb::ReadOptions ForReplay(const Reader::Access& access) {
  rocksdb::ReadOptions options = access.Options();
  options.readahead_size = kReadaheadBytes;
  options.fill_cache = false;
  return options;
}

// Visits ordinals [begin, end): `visit` gets (key, ordinal, value).
template <typename Visit>
absl::Status ScanOrdinals(const Reader::Access& access, Family family, ShardNumber shard,
                          SpaceNumber space, Ordinal begin, Ordinal end, const Call& call,
                          const Visit& visit) {
  if (begin >= end) return absl::OkStatus();
  return Scan(access, ForReplay(access), family, OrdinalKey(shard, space, begin),
              OrdinalKey(shard, space, end), call,
              [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
                const std::optional<Ordinal> ordinal = ParseOrdinal(key);
                if (!ordinal) {
                  return DamagedRow(family, key, fmt::format("a key of {} bytes", key.size()));
                }
                return visit(key, *ordinal, value);
              });
}

}  // namespace

absl::StatusOr<std::vector<ListedDocument>> Reader::ListDocuments(ShardNumber shard,
                                                                  std::string_view after_id,
                                                                  size_t limit,
                                                                  std::string_view prefix,
                                                                  const Call& call) const {
  std::vector<ListedDocument> documents;
  if (limit == 0) return documents;
  std::string begin = DocumentKey(shard, prefix);
  // The first key after `after_id` is that with a zero byte behind it.
  if (!after_id.empty()) begin = std::max(begin, DocumentKey(shard, after_id) + '\0');
  KITH_RETURN_IF_ERROR(
      Scan(*access_, access_->Options(), Family::kDocuments, begin, ShardEnd(shard), call,
           [&](std::string_view key, std::string_view value) -> absl::StatusOr<bool> {
             const std::string_view id = key.substr(kShardPrefixBytes);
             if (!id.starts_with(prefix)) return false;
             ListedDocument& document = documents.emplace_back();
             document.id = id;
             KITH_RETURN_IF_ERROR(ParseRecord(Family::kDocuments, key, value, document.record));
             return documents.size() < limit;
           }));
  return documents;
}

absl::Status Reader::ScanVectors(ShardNumber shard, SpaceNumber space, uint32_t dimension,
                                 Ordinal begin, Ordinal end, const VectorVisitor& visit,
                                 const Call& call) const {
  std::vector<float> values(dimension);
  return ScanOrdinals(
      *access_, Family::kVectors, shard, space, begin, end, call,
      [&](std::string_view key, Ordinal ordinal, std::string_view value) -> absl::StatusOr<bool> {
        uint32_t passage_index = 0;
        KITH_RETURN_IF_ERROR(ParseVectorRow(key, value, passage_index, values));
        return visit(ordinal, passage_index, values);
      });
}

absl::Status Reader::ScanPassages(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end,
                                  const PassageVisitor& visit, const Call& call) const {
  store::PassageRecord record;
  return ScanOrdinals(
      *access_, Family::kPassages, shard, space, begin, end, call,
      [&](std::string_view key, Ordinal ordinal, std::string_view value) -> absl::StatusOr<bool> {
        KITH_RETURN_IF_ERROR(ParseRecord(Family::kPassages, key, value, record));
        return visit(ordinal, record);
      });
}

absl::Status Reader::ScanTombstones(ShardNumber shard, SpaceNumber space, Ordinal begin,
                                    Ordinal end, const TombstoneVisitor& visit,
                                    const Call& call) const {
  store::TombstoneRecord record;
  return ScanOrdinals(
      *access_, Family::kTombstones, shard, space, begin, end, call,
      [&](std::string_view key, Ordinal first, std::string_view value) -> absl::StatusOr<bool> {
        KITH_RETURN_IF_ERROR(ParseRecord(Family::kTombstones, key, value, record));
        if (record.count() > UINT64_MAX - first) {
          return DamagedRow(Family::kTombstones, key, fmt::format("count {}", record.count()));
        }
        return visit(Tombstone{first, record.count(), record.sequence()});
      });
}

absl::Status Reader::ScanUpdates(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end,
                                 const UpdateVisitor& visit, const Call& call) const {
  store::UpdateRecord record;
  return ScanOrdinals(
      *access_, Family::kUpdates, shard, space, begin, end, call,
      [&](std::string_view key, Ordinal first, std::string_view value) -> absl::StatusOr<bool> {
        KITH_RETURN_IF_ERROR(ParseRecord(Family::kUpdates, key, value, record));
        if (record.count() > UINT64_MAX - first) {
          return DamagedRow(Family::kUpdates, key, fmt::format("count {}", record.count()));
        }
        return visit(MetadataUpdate{first, record.count(), record.sequence(),
                                    std::move(*record.mutable_document_id())});
      });
}

absl::StatusOr<std::vector<RequestEntry>> Reader::ListRequestsByTime(
    ShardNumber shard, int64_t from_us, int64_t before_us, size_t limit, const Call& call) const {
  std::vector<RequestEntry> entries;
  if (limit == 0 || from_us >= before_us || before_us <= 0) return entries;
  KITH_RETURN_IF_ERROR(
      Scan(*access_, access_->Options(), Family::kRequests, RequestTimeKey(shard, from_us, {}),
           RequestTimeKey(shard, before_us, {}), call,
           [&](std::string_view key, std::string_view) -> absl::StatusOr<bool> {
             const auto parsed = ParseRequestTime(key);
             if (!parsed) return DamagedRow(Family::kRequests, key, "it names no time and request");
             entries.push_back({parsed->time_us, std::string(parsed->request_id)});
             return entries.size() < limit;
           }));
  return entries;
}

}  // namespace kith::storage
