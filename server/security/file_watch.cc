#include "server/security/file_watch.h"

#include <sys/stat.h>

#include <utility>

#include "fmt/format.h"

namespace kith::security {
namespace {

std::string LookAt(const std::vector<std::string>& paths) {
  std::string out;
  for (const std::string& path : paths) {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) {
      out += "missing;";
      continue;
    }
    out += fmt::format("{}:{}:{}:{}.{}:{}.{};", info.st_dev, info.st_ino, info.st_size,
                       info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ctim.tv_sec,
                       info.st_ctim.tv_nsec);
  }
  return out;
}

}  // namespace

FileWatch::FileWatch(std::vector<Group> groups, absl::Duration interval) : interval_(interval) {
  for (Group& group : groups) {
    const std::string now = LookAt(group.paths);
    groups_.push_back({std::move(group), now, now});
  }
  thread_ = std::thread([this] { Run(); });
}

FileWatch::~FileWatch() {
  {
    absl::MutexLock lock(&mu_);
    leaving_ = true;
  }
  thread_.join();
}

void FileWatch::Poke() {
  absl::MutexLock lock(&mu_);
  poked_ = true;
}

void FileWatch::Run() {
  for (;;) {
    bool poked;
    {
      absl::MutexLock lock(&mu_);
      const auto wanted = [this]()
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return poked_ || leaving_; };
      mu_.AwaitWithTimeout(absl::Condition(&wanted), interval_);
      if (leaving_) return;
      poked = std::exchange(poked_, false);
    }
    for (Watched& watched : groups_) {
      // Looked at before the callback reads: what changes meanwhile is noticed next time.
      const std::string now = LookAt(watched.group.paths);
      const bool at_rest = now == watched.last;
      watched.last = now;
      if (poked || (at_rest && now != watched.acted_on)) {
        watched.acted_on = now;
        watched.group.on_change();
      }
    }
  }
}

}  // namespace kith::security
