#include "tests/support/fault_disk.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "tests/support/fault_file_system.h"

namespace kith::fault {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSectorBytes = 512;

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string Trimmed(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool IsFile(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

// 0, or errno, of a call that returns -1.
int ErrnoOf(int result) { return result < 0 ? errno : 0; }

// As a system call.
int AsCall(int error) {
  errno = error;
  return error == 0 ? 0 : -1;
}

void ZeroRange(const std::string& path, uint64_t begin, uint64_t end) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  const std::string zeros(end - begin, '\0');
  if (pwrite(fd, zeros.data(), zeros.size(), static_cast<off_t>(begin)) < 0) perror("pwrite");
  close(fd);
}

}  // namespace

FaultDisk::FaultDisk(FaultPlan* plan, std::string attic, OnCut on_cut)
    : plan_(plan), attic_(std::move(attic)), on_cut_(on_cut) {
  std::error_code error;
  fs::remove_all(attic_, error);
  fs::create_directories(attic_, error);
  env_ = MakeFaultEnv(this);
}

FaultDisk::~FaultDisk() {
  std::error_code error;
  fs::remove_all(attic_, error);
}

bool FaultDisk::Matches(Operation operation, Kind kind) const {
  return plan_->armed.load() && (plan_->operations.load() & Bit(operation)) != 0 &&
         (plan_->kinds.load() & Bit(kind)) != 0;
}

void FaultDisk::Delay(Operation operation, const std::string& path) {
  if (plan_->action.load() != Action::kDelay || !Matches(operation, KindOf(path))) return;
  // Every so many calls, not each: `skip` is the period.
  const uint64_t period = plan_->skip.load() + 1;
  if (plan_->times.fetch_add(1) % period != 0) return;
  plan_->hits.fetch_add(1);
  std::this_thread::sleep_for(std::chrono::microseconds(plan_->delay_us.load()));
}

FaultDisk::Verdict FaultDisk::Ask(Operation operation, const std::string& path) {
  const Kind kind = KindOf(path);
  plan_->seen[static_cast<size_t>(operation)][static_cast<size_t>(kind)].fetch_add(1);
  Verdict verdict;
  if (off_) {
    verdict.error = EIO;
    return verdict;
  }
  const Action action = plan_->action.load();
  if (action == Action::kDelay || !Matches(operation, kind)) return verdict;
  if (const uint64_t skip = plan_->skip.load(); skip > 0) {
    plan_->skip.store(skip - 1);
    return verdict;
  }
  const uint64_t times = plan_->times.load();
  if (times == 0) return verdict;
  if (times != UINT64_MAX) plan_->times.store(times - 1);
  plan_->hits.fetch_add(1);
  switch (action) {
    case Action::kNone:
    case Action::kDelay:
      break;
    case Action::kFail:
      verdict.error = plan_->error.load();
      break;
    case Action::kShort:
      verdict.shorten = true;
      break;
    case Action::kKillBefore:
      Die();
    case Action::kCutBefore:
      Cut();
      verdict.error = EIO;
      break;
    case Action::kKillAfter:
    case Action::kCutAfter:
      verdict.after = action;
      break;
  }
  return verdict;
}

int FaultDisk::Finish(const Verdict& verdict) {
  if (verdict.after == Action::kKillAfter) Die();
  if (verdict.after != Action::kCutAfter) return 0;
  Cut();
  return EIO;  // nobody heard that it went well
}

void FaultDisk::Die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

void FaultDisk::Cut() {
  off_ = true;
  if (on_cut_ == OnCut::kFailAll) return;
  Lose();
  Die();
}

void FaultDisk::PowerOn() {
  absl::MutexLock lock(&mu_);
  if (off_) Lose();
  off_ = false;
}

void FaultDisk::LoseBytes(std::mt19937_64& random, bool all) {
  for (const auto& [path, file] : files_) {
    if (file.synced >= file.size || !IsFile(path)) continue;
    const uint64_t extra = file.size - file.synced;
    const uint64_t kept = file.synced + (all ? 0 : random() % (extra + 1));
    plan_->lost_bytes.fetch_add(file.size - kept);
    if (truncate(path.c_str(), static_cast<off_t>(kept)) != 0) perror(path.c_str());
    // A file may be long without its bytes: sectors that were never written read as zeros.
    if (all || random() % 4 != 0) continue;
    const uint64_t begin = (file.synced + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
    if (begin >= kept) continue;
    const uint64_t from = begin + random() % ((kept - begin) / kSectorBytes + 1) * kSectorBytes;
    ZeroRange(path, from, std::min(kept, from + kSectorBytes));
  }
}

void FaultDisk::Lose() {
  const uint64_t seed = plan_->cut_seed.load();
  std::mt19937_64 random(seed);
  LoseBytes(random, seed == 0);
  // Of each folder the first changes survive, as in a journal.
  std::map<std::string, uint64_t> made;
  for (const Change& change : changes_) ++made[change.folder];
  std::map<std::string, uint64_t> survive;
  for (const auto& [folder, count] : made) survive[folder] = seed == 0 ? 0 : random() % (count + 1);
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (made[change->folder]-- <= survive[change->folder]) continue;
    Undo(*change);
    plan_->lost_entries.fetch_add(1);
  }
  files_.clear();
  changes_.clear();
}

void FaultDisk::Undo(const Change& change) {
  std::error_code error;
  switch (change.operation) {
    case Operation::kCreate:
      unlink(change.path.c_str());
      break;
    case Operation::kMakeFolder:
      fs::remove_all(change.path, error);
      break;
    case Operation::kRename:
      rename(change.path.c_str(), change.from.c_str());
      break;
    default:
      break;
  }
  if (!change.kept.empty()) rename(change.kept.c_str(), change.path.c_str());
}

std::string FaultDisk::Keep(const std::string& path) {
  if (!IsFile(path)) return {};
  std::string kept = attic_ + "/" + std::to_string(++kept_);
  if (link(path.c_str(), kept.c_str()) != 0) return {};
  if (const auto file = files_.find(path); file != files_.end()) files_[kept] = file->second;
  return kept;
}

int FaultDisk::DoCreate(const std::string& path, const std::function<int()>& action) {
  Delay(Operation::kCreate, path);
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kCreate, path);
  if (verdict.error != 0) return verdict.error;
  const bool there = IsFile(path);
  if (const int error = action(); error != 0) return error;
  files_[path] = {};
  if (!there) changes_.push_back({Operation::kCreate, FolderOf(path), path, "", ""});
  return Finish(verdict);
}

int FaultDisk::DoWrite(const std::string& path, size_t size,
                       const std::function<int(size_t)>& write) {
  Delay(Operation::kWrite, path);
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kWrite, path);
  if (off_) return EIO;
  const size_t wanted = verdict.error != 0 || verdict.shorten ? size / 2 : size;
  if (const int error = write(wanted); error != 0) return error;
  files_[path].size += wanted;
  if (verdict.error != 0) return verdict.error;
  return Finish(verdict);
}

int FaultDisk::DoTruncate(const std::string& path, uint64_t size,
                          const std::function<int()>& action) {
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kWrite, path);
  if (verdict.error != 0) return verdict.error;
  if (const int error = action(); error != 0) return error;
  File& file = files_[path];
  file.size = size;
  file.synced = std::min(file.synced, size);
  return Finish(verdict);
}

int FaultDisk::DoSync(const std::string& path) {
  Delay(Operation::kSync, path);
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kSync, path);
  if (verdict.error != 0) return verdict.error;
  if ((plan_->ignored_syncs.load() & Bit(KindOf(path))) == 0) {
    if (const auto file = files_.find(path); file != files_.end()) {
      file->second.synced = file->second.size;
    }
  }
  return Finish(verdict);
}

int FaultDisk::DoRename(const std::string& from, const std::string& to,
                        const std::function<int()>& action) {
  Delay(Operation::kRename, to);
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kRename, to);
  if (verdict.error != 0) return verdict.error;
  std::string kept = Keep(to);
  if (const int error = action(); error != 0) return error;
  if (auto file = files_.extract(from); !file.empty()) files_[to] = file.mapped();
  changes_.push_back({Operation::kRename, FolderOf(to), to, from, std::move(kept)});
  return Finish(verdict);
}

int FaultDisk::DoRemove(const std::string& path, const std::function<int()>& action) {
  Delay(Operation::kRemove, path);
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kRemove, path);
  if (verdict.error != 0) return verdict.error;
  std::string kept = Keep(path);
  if (const int error = action(); error != 0) return error;
  files_.erase(path);
  changes_.push_back({Operation::kRemove, FolderOf(path), path, "", std::move(kept)});
  return Finish(verdict);
}

int FaultDisk::DoMakeFolder(const std::string& path, const std::function<int()>& action) {
  Delay(Operation::kMakeFolder, path);
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kMakeFolder, path);
  if (verdict.error != 0) return verdict.error;
  struct stat info {};
  const bool there = stat(path.c_str(), &info) == 0;
  if (const int error = action(); error != 0) return error;
  if (!there) changes_.push_back({Operation::kMakeFolder, FolderOf(path), path, "", ""});
  return Finish(verdict);
}

int FaultDisk::DoSyncFolder(const std::string& path) {
  Delay(Operation::kSyncFolder, path);
  absl::MutexLock lock(&mu_);
  const std::string folder = Trimmed(path);
  const Verdict verdict = Ask(Operation::kSyncFolder, folder);
  if (verdict.error != 0) return verdict.error;
  for (const Change& change : changes_) {
    if (change.folder != folder || change.kept.empty()) continue;
    files_.erase(change.kept);
    unlink(change.kept.c_str());
  }
  std::erase_if(changes_, [&](const Change& change) { return change.folder == folder; });
  return Finish(verdict);
}

int FaultDisk::DoRead(const std::string& path, size_t* size) {
  Delay(Operation::kRead, path);
  absl::MutexLock lock(&mu_);
  const Verdict verdict = Ask(Operation::kRead, path);
  if (off_) return 0;  // what is in memory can still be read
  if (verdict.shorten) *size /= 2;
  return verdict.error;
}

void FaultDisk::Adopt(const std::string& path, uint64_t size) {
  absl::MutexLock lock(&mu_);
  files_[path] = {size, size};
}

int FaultDisk::Create(const std::string& path) {
  int fd = -1;
  const int error = DoCreate(path, [&] {
    fd = Disk::Create(path);
    return ErrnoOf(fd);
  });
  if (error == 0) return fd;
  if (fd >= 0) close(fd);
  return AsCall(error);
}

ssize_t FaultDisk::Write(int fd, const std::string& path, const char* bytes, size_t size) {
  size_t done = 0;
  const int error = DoWrite(path, size, [&](size_t wanted) {
    // A call that is cut short still writes something: else it would be tried for ever.
    done = std::max<size_t>(wanted, 1);
    return ErrnoOf(static_cast<int>(std::min<ssize_t>(Disk::Write(fd, path, bytes, done), 0)));
  });
  return error == 0 ? static_cast<ssize_t>(done) : AsCall(error);
}

int FaultDisk::Sync(int, const std::string& path) { return AsCall(DoSync(path)); }

int FaultDisk::Rename(const std::string& from, const std::string& to) {
  return AsCall(DoRename(from, to, [&] { return ErrnoOf(Disk::Rename(from, to)); }));
}

int FaultDisk::Remove(const std::string& path) {
  return AsCall(DoRemove(path, [&] { return ErrnoOf(Disk::Remove(path)); }));
}

int FaultDisk::MakeFolder(const std::string& path) {
  return AsCall(DoMakeFolder(path, [&] { return ErrnoOf(Disk::MakeFolder(path)); }));
}

int FaultDisk::SyncFolder(const std::string& path) { return AsCall(DoSyncFolder(path)); }

uint64_t FaultDisk::FreeBytes(const std::string& folder) {
  const uint64_t planned = plan_->free_bytes.load();
  return planned != UINT64_MAX ? planned : Disk::FreeBytes(folder);
}

void FaultDisk::Passed(std::string_view point) {
  absl::MutexLock lock(&mu_);
  Finish(Ask(Operation::kPoint, std::string(point)));
}

}  // namespace kith::fault
