// Ids that the engine makes. ULIDs, for documents whose writers chose none and for operations: 26
// characters of Crockford's base 32: 48 bits of time in milliseconds, then 80 random bits, so that
// ids sort by time (github.com/ulid/spec).

#ifndef KITH_SERVER_ENGINE_RANDOM_ID_H_
#define KITH_SERVER_ENGINE_RANDOM_ID_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace kith::engine {

// Thread-safe. The random bits come from the operating system's generator.
std::string NewUlid(int64_t unix_millis);

// 16 random bytes, for shards. Thread-safe.
std::string NewUuidBytes();
// Bytes as lower-case hexadecimal digits.
std::string ToHex(std::string_view bytes);

// The pure part of NewUlid: `random` holds the 80 bits, most significant first.
std::string FormatUlid(int64_t unix_millis, const uint8_t (&random)[10]);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_RANDOM_ID_H_
