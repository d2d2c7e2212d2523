// Point reads; reader_scan.cc has the scans.

#include "storage/reader.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "storage/database.h"
#include "storage/keys.h"
#include "storage/reader_access.h"
#include "storage/records.h"
#include "storage/rocksdb_status.h"
#include "storage/vector_row.h"

namespace kith::storage {
namespace {

std::string_view View(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status ReadError(const rocksdb::Status& status, Family family, std::string_view key) {
  // A miss of a cache-only read is common: it does not pay for the description.
  if (status.IsIncomplete()) return FromRocksDb(status, "");
  return FromRocksDb(status, "reading " + DescribeKey(family, key));
}

// Reads the rows of `keys`; `use` gets each that is there: (place, value).
template <typename Use>
absl::Status MultiGet(const Reader::Access& access, Family family,
                      std::span<const std::string> keys, const Use& use) {
  const size_t count = keys.size();
  std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(count);
  std::vector<rocksdb::Status> statuses(count);
  rocksdb::ColumnFamilyHandle* const handle = access.database->family(family);
  if (access.cache_only) {
    // Not MultiGet: RocksDB 7.8 reads the disk there, whatever the read tier says.
    for (size_t i = 0; i < count; ++i) {
      statuses[i] = access.database->db().Get(access.Options(), handle, slices[i], &values[i]);
      if (statuses[i].IsIncomplete()) return FromRocksDb(statuses[i], "");
    }
  } else {
    access.database->db().MultiGet(access.Options(), handle, count, slices.data(), values.data(),
                                   statuses.data());
  }
  for (size_t i = 0; i < count; ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return ReadError(statuses[i], family, keys[i]);
    KITH_RETURN_IF_ERROR(use(i, View(values[i])));
  }
  return absl::OkStatus();
}

template <typename Record>
absl::StatusOr<std::optional<Record>> Get(const Reader::Access& access, Family family,
                                          const std::string& key) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status =
      access.database->db().Get(access.Options(), access.database->family(family), key, &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return ReadError(status, family, key);
  Record record;
  KITH_RETURN_IF_ERROR(ParseRecord(family, key, View(value), record));
  return record;
}

template <typename Record>
absl::StatusOr<std::vector<std::optional<Record>>> GetAll(const Reader::Access& access,
                                                          Family family,
                                                          std::span<const std::string> keys) {
  std::vector<std::optional<Record>> records(keys.size());
  KITH_RETURN_IF_ERROR(MultiGet(access, family, keys, [&](size_t i, std::string_view value) {
    return ParseRecord(family, keys[i], value, records[i].emplace());
  }));
  return records;
}

std::vector<std::string> OrdinalKeys(ShardNumber shard, SpaceNumber space,
                                     std::span<const Ordinal> ordinals) {
  std::vector<std::string> keys;
  keys.reserve(ordinals.size());
  for (Ordinal ordinal : ordinals) keys.push_back(OrdinalKey(shard, space, ordinal));
  return keys;
}

}  // namespace

Snapshot::Snapshot(std::shared_ptr<internal::Database> database)
    : database_(std::move(database)), handle_(database_->db().GetSnapshot()) {}

Snapshot::~Snapshot() { database_->db().ReleaseSnapshot(handle_); }

rocksdb::ReadOptions Reader::Access::Options() const {
  rocksdb::ReadOptions options;
  options.snapshot = handle;
  if (cache_only) options.read_tier = rocksdb::kBlockCacheTier;
  return options;
}

Reader::Reader(std::shared_ptr<const Snapshot> snapshot) {
  KITH_CHECK(snapshot != nullptr, "a reader needs a snapshot, or Store::Latest()");
  auto access = std::make_shared<Access>();
  access->database = snapshot->database_;
  access->handle = snapshot->handle_;
  access->snapshot = std::move(snapshot);
  access_ = std::move(access);
}

Reader::Reader(std::shared_ptr<const Access> access) : access_(std::move(access)) {}
Reader::Reader(const Reader&) = default;
Reader& Reader::operator=(const Reader&) = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Reader Reader::CacheOnly() const {
  auto access = std::make_shared<Access>(*access_);
  access->cache_only = true;
  return Reader(std::move(access));
}

bool Reader::IsNotCached(const absl::Status& status) { return IsNotCachedStatus(status); }

absl::StatusOr<std::optional<store::DocumentRecord>> Reader::GetDocument(
    ShardNumber shard, std::string_view id) const {
  return Get<store::DocumentRecord>(*access_, Family::kDocuments, DocumentKey(shard, id));
}

absl::StatusOr<std::vector<std::optional<store::DocumentRecord>>> Reader::GetDocuments(
    ShardNumber shard, std::span<const std::string_view> ids) const {
  std::vector<std::string> keys;
  keys.reserve(ids.size());
  for (std::string_view id : ids) keys.push_back(DocumentKey(shard, id));
  return GetAll<store::DocumentRecord>(*access_, Family::kDocuments, keys);
}

absl::StatusOr<std::vector<std::optional<store::PassageRecord>>> Reader::GetPassages(
    ShardNumber shard, SpaceNumber space, std::span<const Ordinal> ordinals) const {
  return GetAll<store::PassageRecord>(*access_, Family::kPassages,
                                      OrdinalKeys(shard, space, ordinals));
}

absl::StatusOr<std::vector<std::optional<VectorRow>>> Reader::GetVectors(
    ShardNumber shard, SpaceNumber space, uint32_t dimension,
    std::span<const Ordinal> ordinals) const {
  const std::vector<std::string> keys = OrdinalKeys(shard, space, ordinals);
  std::vector<std::optional<VectorRow>> rows(keys.size());
  KITH_RETURN_IF_ERROR(
      MultiGet(*access_, Family::kVectors, keys, [&](size_t i, std::string_view value) {
        VectorRow& row = rows[i].emplace();
        row.values.resize(dimension);
        return ParseVectorRow(keys[i], value, row.passage_index, row.values);
      }));
  return rows;
}

absl::StatusOr<std::string> Reader::ReadText(ShardNumber shard, TextId text_id, uint64_t begin,
                                             uint64_t end) const {
  KITH_CHECK(begin <= end, "a range of text that ends before it begins");
  if (begin == end) return std::string();
  const uint64_t first = begin / kTextBlockBytes;
  const uint64_t last = (end - 1) / kTextBlockBytes;
  if (last >= UINT32_MAX) {
    return Error(absl::StatusCode::kInternal, reason::kInternal,
                 "bytes [{}, {}) of text {} of shard {}: no text is that long", begin, end, text_id,
                 shard);
  }
  std::vector<std::string> keys;
  for (uint64_t block = first; block <= last; ++block) {
    keys.push_back(TextKey(shard, text_id, static_cast<uint32_t>(block)));
  }
  std::string text;
  text.reserve(end - begin);
  size_t found = 0;
  KITH_RETURN_IF_ERROR(
      MultiGet(*access_, Family::kText, keys, [&](size_t i, std::string_view value) {
        const uint64_t block_begin = (first + i) * kTextBlockBytes;
        // Every block but a text's last is full, and the last holds all that is asked of it.
        const uint64_t needed = i + 1 < keys.size()
                                    ? kTextBlockBytes
                                    : std::min<uint64_t>(end - block_begin, kTextBlockBytes);
        if (value.size() < needed || value.size() > kTextBlockBytes) {
          return DamagedRow(Family::kText, keys[i],
                            fmt::format("{} bytes instead of {}", value.size(), needed));
        }
        const uint64_t from = begin > block_begin ? begin - block_begin : 0;
        text.append(value.substr(from, needed - from));
        ++found;
        return absl::OkStatus();
      }));
  if (found != keys.size()) {
    return DamagedRow(Family::kText, keys.front(),
                      fmt::format("{} of the {} blocks of bytes [{}, {}) are missing",
                                  keys.size() - found, keys.size(), begin, end));
  }
  return text;
}

absl::StatusOr<std::optional<store::RequestRecord>> Reader::GetRequest(
    ShardNumber shard, std::string_view request_id) const {
  return Get<store::RequestRecord>(*access_, Family::kRequests, RequestKey(shard, request_id));
}

}  // namespace kith::storage
