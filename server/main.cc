// kithd: reads its configuration, serves until it is told to stop.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "kith/base/error.h"
#include "server/config/load.h"
#include "server/server.h"
#include "server/signals.h"
#include "server/telemetry/log.h"

namespace {

using kith::config::CommandLine;
using kith::config::Config;

enum ExitCode { kStopped = 0, kFailed = 1, kWrongOptions = 2, kDataFolder = 3 };

// Why the server ends: a signal (OK), or what failed.
class Ending {
 public:
  void Set(absl::Status status) {
    absl::MutexLock lock(&mu_);
    if (set_) return;
    set_ = true;
    status_ = std::move(status);
  }
  absl::Status Wait() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&set_));
    return status_;
  }

 private:
  absl::Mutex mu_;
  bool set_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

// What SIGHUP does: nothing before the server is there and after it is gone.
class ReloadHook {
 public:
  void Set(kith::server::Server* server) {
    absl::MutexLock lock(&mu_);
    server_ = server;
  }
  void Call() {
    absl::MutexLock lock(&mu_);
    if (server_ != nullptr) server_->Reload();
  }

 private:
  absl::Mutex mu_;
  kith::server::Server* server_ ABSL_GUARDED_BY(mu_) = nullptr;
};

int Complain(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "kithd: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

// What cannot be said about the model is said about the data folder.
int ExitCodeOf(const absl::Status& status) {
  const std::string reason = kith::DetailsOf(status).reason;
  const bool model =
      reason == kith::reason::kInvalidModel || reason == kith::reason::kEncoderNotFound ||
      reason == kith::reason::kEncoderUnavailable || reason == kith::reason::kMemoryBudget;
  return model ? kFailed : kDataFolder;
}

int Serve(const Config& config) {
  kith::telemetry::Log log(config.log_format, config.log_level);
  Ending ending;
  ReloadHook reload;
  kith::server::Signals signals([&] { ending.Set(absl::OkStatus()); }, [&] { reload.Call(); });
  auto server = kith::server::Server::Start(
      config, &log, [&](absl::Status status) { ending.Set(std::move(status)); });
  if (!server.ok()) {
    log.Error(std::string(server.status().message()));
    return kFailed;
  }

  reload.Set((*server).get());

  const absl::Status status = ending.Wait();
  reload.Set(nullptr);
  if (!status.ok()) log.Error(std::string(status.message()));
  const auto timeout = absl::ToChronoNanoseconds(config.shutdown_timeout);
  const bool in_order = (*server)->Stop(
      kith::Call::Clock::now() + std::chrono::duration_cast<kith::Call::Clock::duration>(timeout));
  if (!status.ok()) return ExitCodeOf(status);
  return in_order ? kStopped : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  // Debian's Abseil looks for deadlocks at every lock, gRPC's and ours; the tests have done so.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  kith::server::Signals::Block();
  const absl::StatusOr<CommandLine> line = kith::config::ParseCommandLine(
      std::vector<std::string>(argv + 1, argv + argc), kith::config::ProcessEnvironment());
  if (!line.ok()) return Complain(line.status(), kWrongOptions);
  switch (line->action) {
    case CommandLine::Action::kShow:
      std::fputs(line->text.c_str(), stdout);
      return kStopped;
    case CommandLine::Action::kCheckConfig:
      if (const auto files = kith::security::Credentials::Load(line->config.credentials);
          !files.ok()) {
        return Complain(files.status(), kWrongOptions);
      }
      std::puts("the configuration is valid");
      return kStopped;
    case CommandLine::Action::kPrintConfig:
      std::fputs(kith::config::PrintYaml(line->config).c_str(), stdout);
      return kStopped;
    case CommandLine::Action::kServe:
      return Serve(line->config);
  }
  return kFailed;
}
