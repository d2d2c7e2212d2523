// FileWatch: looks once a second whether files have changed, and says so, on a thread of its own.
// By their identity, size and times, so that a file that is written in place is noticed as well as
// one that is renamed over the old, or a symbolic link that is turned (as Kubernetes mounts them).
// A change counts when the files have been at rest for one look: half a file is not read.
//
// Thread-safe.

#ifndef KITH_SERVER_SECURITY_FILE_WATCH_H_
#define KITH_SERVER_SECURITY_FILE_WATCH_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace kith::security {

class FileWatch {
 public:
  struct Group {
    std::vector<std::string> paths;
    std::function<void()> on_change;  // called by the watch's thread
  };

  explicit FileWatch(std::vector<Group> groups, absl::Duration interval = absl::Seconds(1));
  // Returns when no callback is running and none will.
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Calls every group's callback soon, changed or not.
  void Poke();

 private:
  struct Watched {
    Group group;
    std::string acted_on;  // what the files looked like when the callback was last called
    std::string last;      // and at the last look
  };
  void Run();

  std::vector<Watched> groups_;  // the thread's own
  const absl::Duration interval_;

  absl::Mutex mu_;
  bool poked_ ABSL_GUARDED_BY(mu_) = false;
  bool leaving_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_FILE_WATCH_H_
