#include "server/engine/machine.h"

#include <fstream>

#include "fixture.h"

namespace kith::engine {
namespace {

void Write(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << content;
}

TEST(MachineTest, HasAProcessorAndMemory) {
  EXPECT_GE(ProcessorCount(), 1);
  EXPECT_GT(MemoryBytes(), 64u << 20);
}

TEST(MachineTest, FollowsACgroupOfVersion2AndItsParents) {
  TempFolder root;
  Write(root.path() / "proc/self/cgroup", "0::/a/b\n");
  Write(root.path() / "sys/fs/cgroup/a/b/memory.max", "max\n");
  Write(root.path() / "sys/fs/cgroup/a/memory.max", "536870912\n");
  Write(root.path() / "sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  EXPECT_EQ(MemoryBytes(root.path()), 536870912u);
  EXPECT_EQ(ProcessorCount(root.path()), 1);
}

TEST(MachineTest, FollowsACgroupOfVersion1) {
  TempFolder root;
  Write(root.path() / "proc/self/cgroup", "5:memory:/m\n3:cpu,cpuacct:/c\n");
  Write(root.path() / "sys/fs/cgroup/memory/m/memory.limit_in_bytes", "268435456\n");
  Write(root.path() / "sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "100000\n");
  Write(root.path() / "sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(MemoryBytes(root.path()), 268435456u);
  EXPECT_EQ(ProcessorCount(root.path()), 1);
}

TEST(MachineTest, TakesNoNonsenseForALimit) {
  TempFolder root;
  Write(root.path() / "proc/self/cgroup", "0::/\nnonsense\n");
  Write(root.path() / "sys/fs/cgroup/memory.max", "-1\n");
  Write(root.path() / "sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(MemoryBytes(root.path()), MemoryBytes("/nowhere"));
  EXPECT_EQ(ProcessorCount(root.path()), ProcessorCount("/nowhere"));
}

}  // namespace
}  // namespace kith::engine
