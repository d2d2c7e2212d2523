#include "server/engine/random_id.h"

#include <sys/random.h>

#include "fmt/format.h"
#include "kith/base/check.h"

namespace kith::engine {
namespace {

void FillRandom(void* out, size_t size) {
  // Requests of up to 256 bytes are never cut short once the generator is ready (getrandom(2)).
  KITH_CHECK(getrandom(out, size, 0) == static_cast<ssize_t>(size),
             "the system's random generator always answers small requests");
}

}  // namespace

std::string FormatUlid(int64_t unix_millis, const uint8_t (&random)[10]) {
  static constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string out(26, '0');
  for (int i = 9; i >= 0; --i) {
    out[i] = kAlphabet[unix_millis & 31];
    unix_millis >>= 5;
  }
  // 80 bits are 16 digits of 5: two groups of 40 bits, 8 digits each.
  for (int group = 0; group < 2; ++group) {
    uint64_t bits = 0;
    for (int i = 0; i < 5; ++i) bits = bits << 8 | random[group * 5 + i];
    for (int i = 7; i >= 0; --i) {
      out[10 + group * 8 + i] = kAlphabet[bits & 31];
      bits >>= 5;
    }
  }
  return out;
}

std::string NewUlid(int64_t unix_millis) {
  uint8_t random[10];
  FillRandom(random, sizeof(random));
  return FormatUlid(unix_millis, random);
}

std::string NewUuidBytes() {
  std::string bytes(16, '\0');
  FillRandom(bytes.data(), bytes.size());
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  std::string out;
  for (unsigned char byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace kith::engine
