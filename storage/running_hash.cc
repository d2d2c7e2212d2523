#include "storage/running_hash.h"

#include <xxhash.h>

#include "kith/base/check.h"

namespace kith::storage {
namespace {

template <typename T>
void UpdateNumber(XXH3_state_t* state, T value) {
  unsigned char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
  XXH3_64bits_update(state, bytes, sizeof(bytes));
}

}  // namespace

struct RunningHash::State {
  State() : xxh3(XXH3_createState()) {
    KITH_CHECK(xxh3 != nullptr, "half a KiB of memory was not to be had");
  }
  ~State() { XXH3_freeState(xxh3); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  XXH3_state_t* const xxh3;
};

RunningHash::RunningHash() : state_(std::make_unique<State>()) { Begin(0, 0); }
RunningHash::~RunningHash() = default;
RunningHash::RunningHash(RunningHash&&) noexcept = default;
RunningHash& RunningHash::operator=(RunningHash&&) noexcept = default;

void RunningHash::Begin(uint64_t previous, Sequence sequence) {
  XXH3_64bits_reset(state_->xxh3);
  UpdateNumber<uint64_t>(state_->xxh3, previous);
  UpdateNumber<uint64_t>(state_->xxh3, sequence);
}

void RunningHash::Add(Operation operation, Family family, std::string_view key,
                      std::string_view value) {
  Add(operation, family, key, value, {});
}

void RunningHash::Add(Operation operation, Family family, std::string_view key,
                      std::string_view value_begin, std::string_view value_end) {
  XXH3_state_t* const state = state_->xxh3;
  UpdateNumber<uint8_t>(state, static_cast<uint8_t>(operation));
  UpdateNumber<uint8_t>(state, static_cast<uint8_t>(family));
  UpdateNumber<uint32_t>(state, static_cast<uint32_t>(key.size()));
  XXH3_64bits_update(state, key.data(), key.size());
  UpdateNumber<uint64_t>(state, value_begin.size() + value_end.size());
  XXH3_64bits_update(state, value_begin.data(), value_begin.size());
  if (!value_end.empty()) XXH3_64bits_update(state, value_end.data(), value_end.size());
}

uint64_t RunningHash::Digest() const { return XXH3_64bits_digest(state_->xxh3); }

}  // namespace kith::storage
