// The reasons of refusals at the door, beside those of kith/base/error.h: the engine knows of no keys.

#ifndef KITH_SERVER_SECURITY_REASONS_H_
#define KITH_SERVER_SECURITY_REASONS_H_

#include <string_view>

namespace kith::reason {

inline constexpr std::string_view kKeyInvalid = "KEY_INVALID";
inline constexpr std::string_view kScopeDenied = "SCOPE_DENIED";

}  // namespace kith::reason

#endif  // KITH_SERVER_SECURITY_REASONS_H_
