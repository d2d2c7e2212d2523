// FaultDisk: a disk over the real one that does to each call what a FaultPlan says, and can lose
// power. It remembers what was synced: of each file how many bytes, of each folder which entries.
// A power cut puts the real files back to that, or to that and a random part of the rest: then the
// folder is what a machine would find after the power came back.
//
// RocksDB is reached through its FileSystemWrapper (fault_file_system.h), all other files through
// storage::Disk. Nothing is really synced: what a killed process wrote is in the page cache, and
// power is lost in this model alone.
//
//   fault::FaultPlan plan;
//   fault::FaultDisk disk(&plan, folder.Join("lost"), fault::FaultDisk::OnCut::kFailAll);
//   storage::Disk::Replace(&disk);
//   plan.Arm(fault::Action::kCutBefore, fault::kChanges, fault::kAll, 17, 1);
//   ... work until it fails, close the store ...
//   disk.PowerOn();
//
// Thread-safe. Calls that change something are made one at a time.

#ifndef KITH_TESTS_SUPPORT_FAULT_DISK_H_
#define KITH_TESTS_SUPPORT_FAULT_DISK_H_

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/disk.h"
#include "tests/support/fault_plan.h"

namespace kith::fault {

class FaultDisk : public storage::Disk {
 public:
  enum class OnCut {
    kFailAll,  // every call fails until PowerOn()
    kDie,      // the files are put back at once, and the process ends as by kill -9
  };

  // `plan` must outlive it. `attic` is a folder of the same file system, outside of the data: what
  // was removed lies there until its removal is synced.
  FaultDisk(FaultPlan* plan, std::string attic, OnCut on_cut);
  ~FaultDisk() override;

  // After a cut: puts the files back to what survived. REQUIRES: no store is open.
  void PowerOn();

  int Create(const std::string& path) override;
  ssize_t Write(int fd, const std::string& path, const char* bytes, size_t size) override;
  int Sync(int fd, const std::string& path) override;
  int Rename(const std::string& from, const std::string& to) override;
  int Remove(const std::string& path) override;
  int MakeFolder(const std::string& path) override;
  int SyncFolder(const std::string& path) override;
  uint64_t FreeBytes(const std::string& folder) override;
  rocksdb::Env* env() override { return env_.get(); }
  void Passed(std::string_view point) override;

  // --- For the file system below RocksDB. Each does `action` if the plan lets it, and returns 0 or
  // an errno; `action` returns 0 or an errno. ---
  int DoCreate(const std::string& path, const std::function<int()>& action);
  // `write` is given how many of the bytes to write.
  int DoWrite(const std::string& path, size_t size, const std::function<int(size_t)>& write);
  int DoTruncate(const std::string& path, uint64_t size, const std::function<int()>& action);
  int DoSync(const std::string& path);
  int DoRename(const std::string& from, const std::string& to, const std::function<int()>& action);
  int DoRemove(const std::string& path, const std::function<int()>& action);
  int DoMakeFolder(const std::string& path, const std::function<int()>& action);
  int DoSyncFolder(const std::string& path);
  // How much of a read of `size` bytes is done, in `*size`.
  int DoRead(const std::string& path, size_t* size);
  // A file that is written further, whose `size` bytes are there.
  void Adopt(const std::string& path, uint64_t size);

 private:
  struct File {
    uint64_t size = 0;
    uint64_t synced = 0;
  };
  // A change of a folder that is not synced.
  struct Change {
    Operation operation;
    std::string folder;
    std::string path;  // made, removed, or the new name
    std::string from;  // the old name
    std::string kept;  // where the file lies in the attic that was removed or replaced; or empty
  };
  struct Verdict {
    int error = 0;
    bool shorten = false;
    Action after = Action::kNone;
  };

  Verdict Ask(Operation operation, const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps if the plan says so, before the lock is taken.
  void Delay(Operation operation, const std::string& path);
  bool Matches(Operation operation, Kind kind) const;
  // The end of a call that went through.
  int Finish(const Verdict& verdict) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  [[noreturn]] void Die();
  void Cut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Lose() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LoseBytes(std::mt19937_64& random, bool all) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Undo(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Links the file at `path` into the attic; empty if there is none.
  std::string Keep(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  FaultPlan* const plan_;
  const std::string attic_;
  const OnCut on_cut_;
  std::unique_ptr<rocksdb::Env> env_;

  absl::Mutex mu_;
  bool off_ ABSL_GUARDED_BY(mu_) = false;  // power was lost
  uint64_t kept_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, File> files_ ABSL_GUARDED_BY(mu_);
  std::vector<Change> changes_ ABSL_GUARDED_BY(mu_);  // in the order in which they were made
};

}  // namespace kith::fault

#endif  // KITH_TESTS_SUPPORT_FAULT_DISK_H_
