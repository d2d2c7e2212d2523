// Config: everything that can be set about kithd, as plain values. How they get here (YAML file,
// environment, flags) is load.h's business; the list of names is option_table.cc's.

#ifndef KITH_SERVER_CONFIG_CONFIG_H_
#define KITH_SERVER_CONFIG_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/engine/limits.h"
#include "server/net/endpoint.h"
#include "server/security/credentials.h"

namespace kith::config {

enum class LogFormat { kAuto, kJson, kText };  // auto: text on a terminal
enum class LogLevel { kDebug, kInfo, kWarning, kError };

// A share of the memory that the machine (or the cgroup) has, or a number of bytes.
struct MemoryBudget {
  uint64_t bytes = 0;  // 0: `percent` decides
  unsigned percent = 80;

  friend bool operator==(const MemoryBudget&, const MemoryBudget&) = default;
};

// Background work on the indexes.
struct IndexWork {
  size_t threads = 0;  // 0: half of `threads`
  size_t seal_rows = 8192;
  absl::Duration idle = absl::Seconds(10);
  size_t merge_factor = 8;
  size_t debt_max = 1'000'000;
};

struct Config {
  std::string data_dir = "kith-data";
  net::Endpoint grpc_address{"127.0.0.1", 7600};
  security::CredentialFiles credentials;
  bool insecure = false;
  absl::Duration handshake_timeout = absl::Seconds(10);
  absl::Duration idle_timeout = absl::Minutes(5);
  absl::Duration stall_timeout = absl::Minutes(1);

  std::string model_dir;  // empty: the bundled model
  bool no_encoder = false;
  std::string models_dir;                // empty: no models can be loaded by name
  std::vector<std::string> load_models;  // of models_dir, at the start
  size_t query_cache_bytes = 32 << 20;

  size_t threads = 0;  // 0: as many as the processor has
  MemoryBudget memory_budget;
  IndexWork index;
  size_t max_connections = 0;              // 0: 60 % of the descriptors
  size_t max_connections_per_address = 0;  // 0: max_connections
  size_t max_concurrent_calls = 1024;

  // Those that can be set; the rest keep their defaults.
  engine::Limits limits;

  LogFormat log_format = LogFormat::kAuto;
  LogLevel log_level = LogLevel::kInfo;
  absl::Duration slow_log = absl::Milliseconds(200);
  absl::Duration shutdown_timeout = absl::Seconds(30);
};

// What no single option can know: INVALID_ARGUMENT in a sentence that says what to change.
absl::Status Validate(const Config& config);

}  // namespace kith::config

#endif  // KITH_SERVER_CONFIG_CONFIG_H_
