#include "tests/support/kithd_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "nlohmann/json.hpp"

namespace kith {

KithdProcess::KithdProcess(const std::filesystem::path& output, std::vector<std::string> arguments,
                           size_t descriptors)
    : output_(output.string()) {
  arguments.insert(arguments.begin(), KITHD);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  // What an earlier process wrote must not be taken for this one's.
  std::ofstream(output_, std::ios::trunc).flush();
  pid_ = fork();
  if (pid_ != 0) return;
  const int out = open(output_.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  if (descriptors != 0) {
    const rlimit limit{descriptors, descriptors};
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  execv(KITHD, argv.data());
  _exit(127);
}

KithdProcess::~KithdProcess() {
  if (pid_ <= 0) return;
  Signal(SIGKILL);
  Wait();
}

void KithdProcess::Signal(int signal) { kill(pid_, signal); }

int KithdProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string KithdProcess::output() const {
  std::ostringstream text;
  text << std::ifstream(output_).rdbuf();
  return text.str();
}

std::string KithdProcess::WaitForLine(const std::string& message) {
  while (true) {
    std::ifstream file(output_);
    for (std::string line; std::getline(file, line);) {
      const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (json.is_object() && json.value("message", "") == message) {
        return json.value("address", "");
      }
    }
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != 0) {
      return {};
    }
    poll(nullptr, 0, 10);
  }
}

}  // namespace kith
