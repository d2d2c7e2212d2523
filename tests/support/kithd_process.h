// A running kithd, and what it writes: for tests that start, kill and restart the real server.

#ifndef KITH_TESTS_SUPPORT_KITHD_PROCESS_H_
#define KITH_TESTS_SUPPORT_KITHD_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace kith {

class KithdProcess {
 public:
  // Starts it; its output goes to `output`. `descriptors` limits how many it may open; 0: no limit
  // of the test's.
  KithdProcess(const std::filesystem::path& output, std::vector<std::string> arguments,
               size_t descriptors = 0);
  // Kills it if it still runs.
  ~KithdProcess();
  KithdProcess(const KithdProcess&) = delete;
  KithdProcess& operator=(const KithdProcess&) = delete;

  void Signal(int signal);
  // Waits for its end; the exit code, or -signal.
  int Wait();
  std::string output() const;

  // The address that it says it listens on, or serves; empty if it ends before.
  std::string WaitUntilListening() { return WaitForLine("listening"); }
  std::string WaitUntilServing() { return WaitForLine("serving"); }

 private:
  std::string WaitForLine(const std::string& message);

  const std::string output_;
  pid_t pid_ = -1;
};

}  // namespace kith

#endif  // KITH_TESTS_SUPPORT_KITHD_PROCESS_H_
