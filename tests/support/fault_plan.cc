#include "tests/support/fault_plan.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <new>

#include "kith/base/check.h"

namespace kith::fault {
namespace {

constexpr std::array<std::string_view, kOperations> kOperationNames = {
    "create", "write", "sync", "rename", "remove", "make-folder", "sync-folder", "read", "point"};
constexpr std::array<std::string_view, kKinds> kKindNames = {
    "log",  "table", "blob",     "manifest", "current", "database", "graph",
    "rows", "terms", "metadata", "segments", "model",   "format",   "other"};

}  // namespace

std::string_view NameOf(Operation operation) {
  return kOperationNames[static_cast<size_t>(operation)];
}

std::string_view NameOf(Kind kind) { return kKindNames[static_cast<size_t>(kind)]; }

Kind KindOf(std::string_view path) {
  if (path.ends_with(".tmp")) path.remove_suffix(4);
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  if (path.find("/models") != path.npos) return Kind::kModel;
  if (path.find("/segments") != path.npos) {
    if (name.ends_with(".graph")) return Kind::kGraph;
    if (name.ends_with(".rows")) return Kind::kRows;
    if (name.ends_with(".terms")) return Kind::kTerms;
    if (name.ends_with(".meta")) return Kind::kMetadata;
    return Kind::kSegments;
  }
  if (name == "FORMAT") return Kind::kFormat;
  if (name.ends_with(".log")) return Kind::kLog;
  if (name.ends_with(".sst")) return Kind::kTable;
  if (name.ends_with(".blob")) return Kind::kBlob;
  if (name.starts_with("MANIFEST-")) return Kind::kManifest;
  if (name == "CURRENT" || name.ends_with(".dbtmp")) return Kind::kCurrent;
  if (name == "db" || path.find("/db/") != path.npos) return Kind::kDatabase;
  return Kind::kOther;
}

void FaultPlan::Arm(Action what, uint32_t of_operations, uint32_t of_kinds, uint64_t after,
                    uint64_t count, int with_error) {
  armed.store(false);
  operations.store(of_operations);
  kinds.store(of_kinds);
  skip.store(after);
  times.store(count);
  action.store(what);
  error.store(with_error);
  hits.store(0);
  armed.store(true);
}

uint64_t FaultPlan::SeenOf(uint32_t of_operations) const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kOperations; ++i) {
    if ((of_operations >> i & 1U) == 0) continue;
    for (const auto& count : seen[i]) sum += count.load();
  }
  return sum;
}

SharedPlan::SharedPlan(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  KITH_CHECK(fd >= 0, "tests need a file for the plan");
  struct stat info {};
  KITH_CHECK(fstat(fd, &info) == 0, "tests need a file for the plan");
  const bool fresh = info.st_size == 0;
  KITH_CHECK(ftruncate(fd, sizeof(FaultPlan)) == 0, "tests need a file for the plan");
  void* const place = mmap(nullptr, sizeof(FaultPlan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  KITH_CHECK(place != MAP_FAILED, "tests need a file for the plan");
  // Who maps it second takes what is there: the fields are plain numbers.
  plan_ = fresh ? new (place) FaultPlan : static_cast<FaultPlan*>(place);
}

SharedPlan::~SharedPlan() { munmap(plan_, sizeof(FaultPlan)); }

}  // namespace kith::fault
