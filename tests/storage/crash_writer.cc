// A process for crash_test.cc to kill: crash_writer DATA_DIR SEED FD. It commits synced batches for
// ever and writes to FD a line before each ("try") and after each that was acknowledged ("ok").

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

int Run(const char* data_dir, uint64_t seed, int ledger) {
  StoreOptions options = SmallOptions(data_dir);
  auto store = Store::Open(options);
  if (!store.ok()) {
    std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  auto shard = TestShard::Load(**store, 1);
  if (!shard.ok()) return 1;
  std::mt19937_64 random(seed);
  const auto say = [&](const std::string& line) {
    return write(ledger, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  };
  for (uint64_t n = 0;; ++n) {
    const std::string id = fmt::format("d{}", random() % 16);
    const uint64_t content = random();
    const bool remove = random() % 4 == 0;
    if (!say(fmt::format("try {} {} {}\n", remove ? "delete" : "upsert", id, content))) return 1;
    const absl::Status status = remove ? shard->Delete(id) : shard->Upsert(id, content);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      return 1;
    }
    if (!say("ok\n")) return 1;
    // Files of every kind are being written when the blow falls.
    if (n % 16 == 15 && !(*store)->Flush().ok()) return 1;
  }
}

}  // namespace
}  // namespace kith::storage

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return kith::storage::Run(argv[1], std::strtoull(argv[2], nullptr, 10), std::atoi(argv[3]));
}
