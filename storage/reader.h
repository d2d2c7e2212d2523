// Snapshot and Reader: what is in the store, at one moment.
//
// A Snapshot pins a moment: whatever is committed, deleted or dropped later, its readers see the
// store as it was (Store::ReclaimShard is the one exception). Take one a commit group and share it.
// A Reader is bound to a Snapshot, or to whatever is latest at each call.
//
//   Reader reader(store->TakeSnapshot());
//   KITH_ASSIGN_OR_RETURN(auto document, reader.GetDocument(shard, id));
//   if (document) { ... }
//
// Snapshots and Readers (and CommitBatches) keep the database open: RocksDB is closed and the data
// folder's lock released when the Store and the last of them are gone, in any order.
//
// Errors: DATA_LOSS (CORRUPTION) names the family and key of a row that does not parse or has the
// wrong size, or the file and offset of a block whose checksum is wrong; nothing damaged is
// skipped. A row that is not there is not an error of the store's: it is an empty optional.
//
// Thread-safe: const methods may be called by any number of threads.

#ifndef KITH_STORAGE_READER_H_
#define KITH_STORAGE_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/base/call.h"
#include "kith/store/document.pb.h"
#include "storage/types.h"

namespace rocksdb {
class Snapshot;
}

namespace kith::storage {

namespace internal {
class Database;
}

class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<internal::Database> database);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  friend class Reader;
  // Constant after construction.
  const std::shared_ptr<internal::Database> database_;
  const rocksdb::Snapshot* const handle_;
};

// What the row of a vector holds.
struct VectorRow {
  uint32_t passage_index = 0;  // the document's first ordinal is ordinal - passage_index
  std::vector<float> values;
};

struct ListedDocument {
  std::string id;
  store::DocumentRecord record;
};

struct Tombstone {
  Ordinal first = 0;
  uint64_t count = 0;
  Sequence sequence = 0;
};

// That a document's metadata was changed after its passages had been written.
struct MetadataUpdate {
  Ordinal first = 0;
  uint64_t count = 0;
  Sequence sequence = 0;
  std::string document_id;
};

struct RequestEntry {
  int64_t time_us = 0;
  std::string request_id;
};

class Reader {
 public:
  struct Access;  // inside storage/ only

  // REQUIRES: `snapshot` is not null.
  explicit Reader(std::shared_ptr<const Snapshot> snapshot);
  Reader(const Reader&);
  Reader& operator=(const Reader&);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  // The same reader, but a point read that would have to touch the disk fails instead, with a
  // status for which IsNotCached() is true. An RPC thread tries this before it hands the read to
  // another.
  Reader CacheOnly() const;
  static bool IsNotCached(const absl::Status& status);

  // --- Point reads: results stand in the order asked; what is missing is empty. ---

  absl::StatusOr<std::optional<store::DocumentRecord>> GetDocument(ShardNumber shard,
                                                                   std::string_view id) const;
  absl::StatusOr<std::vector<std::optional<store::DocumentRecord>>> GetDocuments(
      ShardNumber shard, std::span<const std::string_view> ids) const;

  absl::StatusOr<std::vector<std::optional<store::PassageRecord>>> GetPassages(
      ShardNumber shard, SpaceNumber space, std::span<const Ordinal> ordinals) const;

  // A vector of another dimension is DATA_LOSS.
  absl::StatusOr<std::vector<std::optional<VectorRow>>> GetVectors(
      ShardNumber shard, SpaceNumber space, uint32_t dimension,
      std::span<const Ordinal> ordinals) const;

  // The bytes [begin, end) of a text; reads only the blocks that hold them. REQUIRES: begin <= end,
  // and end <= the text's size as its document recorded it: a block that is missing is DATA_LOSS.
  absl::StatusOr<std::string> ReadText(ShardNumber shard, TextId text_id, uint64_t begin,
                                       uint64_t end) const;

  absl::StatusOr<std::optional<store::RequestRecord>> GetRequest(ShardNumber shard,
                                                                 std::string_view request_id) const;

  // --- Scans: in the order of the keys; they ask `call` now and then. They may touch the disk. ---

  // At most `limit` documents whose id begins with `prefix` and is greater than `after_id`, by
  // bytes; an empty `after_id` starts at the first.
  absl::StatusOr<std::vector<ListedDocument>> ListDocuments(ShardNumber shard,
                                                            std::string_view after_id, size_t limit,
                                                            std::string_view prefix,
                                                            const Call& call) const;

  // Every vector with an ordinal in [begin, end), rising. `visit` returns false to stop. The span
  // is valid during the call. Reads far ahead and does not fill the cache: made for replay.
  using VectorVisitor =
      std::function<bool(Ordinal ordinal, uint32_t passage_index, std::span<const float> values)>;
  absl::Status ScanVectors(ShardNumber shard, SpaceNumber space, uint32_t dimension, Ordinal begin,
                           Ordinal end, const VectorVisitor& visit, const Call& call) const;

  // Every passage with an ordinal in [begin, end), rising, as ScanVectors.
  using PassageVisitor = std::function<bool(Ordinal ordinal, const store::PassageRecord& record)>;
  absl::Status ScanPassages(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end,
                            const PassageVisitor& visit, const Call& call) const;

  // Every tombstone whose first ordinal is in [begin, end), rising. `visit` returns false to stop.
  using TombstoneVisitor = std::function<bool(const Tombstone& tombstone)>;
  absl::Status ScanTombstones(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end,
                              const TombstoneVisitor& visit, const Call& call) const;

  // Every update whose first ordinal is in [begin, end), as ScanTombstones. Its document may have
  // been written anew or deleted since.
  using UpdateVisitor = std::function<bool(const MetadataUpdate& update)>;
  absl::Status ScanUpdates(ShardNumber shard, SpaceNumber space, Ordinal begin, Ordinal end,
                           const UpdateVisitor& visit, const Call& call) const;

  // At most `limit` requests with from_us <= time < before_us, oldest first. Give the time of the
  // last one expired as `from_us`: what was deleted before it is not walked over again.
  absl::StatusOr<std::vector<RequestEntry>> ListRequestsByTime(ShardNumber shard, int64_t from_us,
                                                               int64_t before_us, size_t limit,
                                                               const Call& call) const;

 private:
  friend class Store;
  explicit Reader(std::shared_ptr<const Access> access);
  std::shared_ptr<const Access> access_;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_READER_H_
