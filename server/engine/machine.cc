#include "server/engine/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

namespace kith::engine {
namespace {

namespace fs = std::filesystem;

// The first line of a small file, or "" if there is none.
std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// A non-negative number, or `none` for anything else ("max", -1, nonsense).
double NumberOr(const std::string& text, double none) {
  try {
    const double value = std::stod(text);
    return value >= 0 ? value : none;
  } catch (const std::exception&) {
    return none;
  }
}

// The folders whose limits hold for this process, innermost first: its own cgroup and all above.
// Without a cgroup namespace /proc/self/cgroup names the path below the mount; inside a container
// that path may not be visible, and the mount's root is the container's own cgroup.
std::vector<fs::path> CgroupFolders(const fs::path& root, const std::string& controller) {
  const bool v2 = controller.empty();
  const fs::path mount = root / "sys/fs/cgroup" / controller;
  std::string own;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (v2 ? names == ",," : names.find("," + controller + ",") != std::string::npos) {
      own = line.substr(second + 1);
    }
  }
  std::vector<fs::path> folders;
  for (fs::path path = fs::path(own).relative_path(); !path.empty(); path = path.parent_path()) {
    folders.push_back(mount / path);
  }
  folders.push_back(mount);
  return folders;
}

}  // namespace

int ProcessorCount(const fs::path& root) {
  double count = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    count = std::min(count, static_cast<double>(CPU_COUNT(&set)));
  }
  constexpr double kNone = std::numeric_limits<double>::infinity();
  for (const fs::path& folder : CgroupFolders(root, "")) {
    const std::string line = FirstLine(folder / "cpu.max");  // "quota period", "max period"
    const size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    count = std::min(count, NumberOr(line.substr(0, space), kNone) /
                                std::max(1.0, NumberOr(line.substr(space + 1), 1e5)));
  }
  for (const fs::path& folder : CgroupFolders(root, "cpu")) {
    count =
        std::min(count, NumberOr(FirstLine(folder / "cpu.cfs_quota_us"), kNone) /
                            std::max(1.0, NumberOr(FirstLine(folder / "cpu.cfs_period_us"), 1e5)));
  }
  return std::max(1, static_cast<int>(std::ceil(count)));
}

uint64_t MemoryBytes(const fs::path& root) {
  double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  for (const fs::path& folder : CgroupFolders(root, "")) {
    bytes = std::min(bytes, NumberOr(FirstLine(folder / "memory.max"), bytes));
  }
  for (const fs::path& folder : CgroupFolders(root, "memory")) {
    bytes = std::min(bytes, NumberOr(FirstLine(folder / "memory.limit_in_bytes"), bytes));
  }
  return static_cast<uint64_t>(bytes);
}

}  // namespace kith::engine
