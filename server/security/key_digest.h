// KeyDigest: the SHA-256 of a key, which is all that the server keeps of it.
//
// A key is 256 random bits, so there is no dictionary to try and one plain hash is enough: finding
// a key from its digest means guessing the 256 bits. A slow hash (bcrypt, Argon2) protects what
// people can remember; here it would only give whoever sends wrong keys a way to keep the processor
// busy.
//
// Pure functions.

#ifndef KITH_SERVER_SECURITY_KEY_DIGEST_H_
#define KITH_SERVER_SECURITY_KEY_DIGEST_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kith::security {

using KeyDigest = std::array<uint8_t, 32>;

KeyDigest DigestOf(std::string_view key);

// In a time that does not depend on where they differ.
bool EqualInConstantTime(const KeyDigest& a, const KeyDigest& b);

// From 64 hexadecimal digits.
std::optional<KeyDigest> ParseDigest(std::string_view hex);

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_KEY_DIGEST_H_
