// RunningHash: XXH3-64 over the operations of one logical batch, begun with the hash of all that
// came before. The bytes that go in are fixed for ever (docs/formats/data-folder.md): two replicas
// that applied the same log must agree, whatever their versions.
//
// Not thread-safe.

#ifndef KITH_STORAGE_RUNNING_HASH_H_
#define KITH_STORAGE_RUNNING_HASH_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "storage/keys.h"
#include "storage/types.h"

namespace kith::storage {

// Goes into the hash: never renumber.
enum class Operation : uint8_t {
  kPut = 1,
  kDelete = 2,
  kDeleteRange = 3,  // `count` consecutive ordinals, or a whole text
};

class RunningHash {
 public:
  RunningHash();
  ~RunningHash();
  RunningHash(RunningHash&&) noexcept;
  RunningHash& operator=(RunningHash&&) noexcept;

  void Begin(uint64_t previous, Sequence sequence);
  // One operation: kind u8 | family u8 | key length u32 | key | value length u64 | value, numbers
  // little-endian.
  void Add(Operation operation, Family family, std::string_view key, std::string_view value);
  // As Add, with the value in two parts: no copy is made to join them.
  void Add(Operation operation, Family family, std::string_view key, std::string_view value_begin,
           std::string_view value_end);
  uint64_t Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_RUNNING_HASH_H_
