// What a CommitBatch holds. Only commit_batch.cc and store.cc include this.

#ifndef KITH_STORAGE_COMMIT_BATCH_REP_H_
#define KITH_STORAGE_COMMIT_BATCH_REP_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "storage/commit_batch.h"
#include "storage/database.h"
#include "storage/running_hash.h"

namespace rocksdb {
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace kith::storage {

struct CommitBatch::Rep {
  // The last logical batch of a shard.
  struct Ended {
    Sequence sequence = 0;
    uint64_t running_hash = 0;
    bool state_written = false;
  };

  explicit Rep(std::shared_ptr<internal::Database> of);
  ~Rep();

  // Remembers the first bug of the caller.
  void Bug(std::string what);
  void Check(const rocksdb::Status& result);
  // Whether an operation of the current shard may go on; `what` names it if not.
  bool InShard(bool limits_kept, std::string_view what);
  template <typename Record>
  bool Valid(const Record& record);

  void Put(Family family, const std::string& key, std::string_view value);
  void Delete(Family family, const std::string& key);
  void DeleteRange(Family family, const std::string& begin, const std::string& end);
  template <typename Record>
  void PutCatalog(const std::string& key, const Record& record);

  const std::shared_ptr<internal::Database> database;
  const std::unique_ptr<rocksdb::WriteBatch> batch;
  absl::Status status;
  std::map<ShardNumber, Ended> ended;
  // Whether it writes rows of documents: refused first when the disk fills up.
  bool adds_data = false;
  // Whether it replaces a manifest: tests stop before and after such a commit.
  bool swaps_manifest = false;

  // Of the logical batch between Begin() and End().
  bool in_shard = false;
  ShardNumber shard = 0;
  Sequence sequence = 0;
  RunningHash hash;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_COMMIT_BATCH_REP_H_
