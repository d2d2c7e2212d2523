// FaultPlan: what a FaultDisk does to which call, and what it has seen. It is plain memory, so that
// it can lie in a file that a test and the server under test both map: the test arms a fault while
// the server runs, and reads afterwards that it happened.
//
// Thread- and process-safe: every field is atomic. `armed` is stored last and read first.

#ifndef KITH_TESTS_SUPPORT_FAULT_PLAN_H_
#define KITH_TESTS_SUPPORT_FAULT_PLAN_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kith::fault {

// What is done.
enum class Operation : uint32_t {
  kCreate,
  kWrite,
  kSync,
  kRename,
  kRemove,
  kMakeFolder,
  kSyncFolder,
  kRead,
  kPoint,  // Disk::Passed
};
inline constexpr size_t kOperations = 9;

// What it is done to, by the file's name; a folder's sync is of the kind of what lies in it.
enum class Kind : uint32_t {
  kLog,       // RocksDB's write-ahead log
  kTable,     // .sst
  kBlob,      // .blob
  kManifest,  // MANIFEST-*: RocksDB's
  kCurrent,   // CURRENT, and the file that becomes it
  kDatabase,  // whatever else is in db/, and db/ itself
  kGraph,
  kRows,
  kTerms,
  kMetadata,
  kSegments,  // folders of segments
  kModel,
  kFormat,
  kOther,
};
inline constexpr size_t kKinds = 14;

std::string_view NameOf(Operation operation);
std::string_view NameOf(Kind kind);
Kind KindOf(std::string_view path);

constexpr uint32_t Bit(Operation operation) { return 1U << static_cast<uint32_t>(operation); }
constexpr uint32_t Bit(Kind kind) { return 1U << static_cast<uint32_t>(kind); }
inline constexpr uint32_t kAll = UINT32_MAX;
// What changes the disk.
inline constexpr uint32_t kChanges = kAll & ~Bit(Operation::kRead) & ~Bit(Operation::kPoint);

enum class Action : uint32_t {
  kNone,
  kFail,        // with `error`; a write writes half of its bytes first
  kShort,       // half of a read or write, without an error
  kDelay,       // by `delay_us`: one call, then `skip` not, and so on
  kKillBefore,  // the process, as kill -9 does
  kKillAfter,
  kCutBefore,  // the power: what was not synced is gone (FaultDisk says how)
  kCutAfter,
};

struct FaultPlan {
  std::atomic<bool> armed{false};
  std::atomic<uint32_t> operations{0};  // bits
  std::atomic<uint32_t> kinds{0};       // bits
  std::atomic<uint64_t> skip{0};        // so many matching calls first
  std::atomic<uint64_t> times{0};       // then it happens to so many
  std::atomic<Action> action{Action::kNone};
  std::atomic<int> error{0};
  std::atomic<uint64_t> delay_us{0};

  // What FreeBytes answers; UINT64_MAX: the truth.
  std::atomic<uint64_t> free_bytes{UINT64_MAX};
  // A disk that lies: syncs of these kinds answer OK and do nothing. A bug to be found.
  std::atomic<uint32_t> ignored_syncs{0};
  // Of what a power cut takes: 0 takes all that is not synced, else a random part.
  std::atomic<uint64_t> cut_seed{0};

  // Seen.
  std::atomic<uint64_t> hits{0};        // how often the fault happened
  std::atomic<uint64_t> lost_bytes{0};  // by power cuts
  std::atomic<uint64_t> lost_entries{0};
  std::array<std::array<std::atomic<uint64_t>, kKinds>, kOperations> seen{};

  // From now on: `action` for the call after `skip` matching ones, and those after it, `count` in
  // all. `hits` begins at 0.
  void Arm(Action what, uint32_t of_operations, uint32_t of_kinds, uint64_t after = 0,
           uint64_t count = UINT64_MAX, int with_error = 0);
  void Disarm() { armed.store(false); }
  uint64_t Seen(Operation operation, Kind kind) const {
    return seen[static_cast<size_t>(operation)][static_cast<size_t>(kind)].load();
  }
  // Over all kinds, of the operations in the set.
  uint64_t SeenOf(uint32_t of_operations) const;
};

// A plan in a file, mapped; another process maps the same. Dies when it cannot.
class SharedPlan {
 public:
  // Makes the file if it is not there.
  explicit SharedPlan(const std::string& path);
  ~SharedPlan();
  SharedPlan(const SharedPlan&) = delete;
  SharedPlan& operator=(const SharedPlan&) = delete;

  FaultPlan* operator->() const { return plan_; }
  FaultPlan& operator*() const { return *plan_; }

 private:
  FaultPlan* plan_;
};

}  // namespace kith::fault

#endif  // KITH_TESTS_SUPPORT_FAULT_PLAN_H_
