// What this process may use: processors and memory of the machine, or of the cgroup it runs in
// (version 1 or 2), whichever is less. A container's limit is the machine.

#ifndef KITH_SERVER_ENGINE_MACHINE_H_
#define KITH_SERVER_ENGINE_MACHINE_H_

#include <cstdint>
#include <filesystem>

namespace kith::engine {

// Whole processors, at least 1: the affinity mask, and a cgroup's quota rounded up.
int ProcessorCount(const std::filesystem::path& root = "/");

// Bytes of memory.
uint64_t MemoryBytes(const std::filesystem::path& root = "/");

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_MACHINE_H_
