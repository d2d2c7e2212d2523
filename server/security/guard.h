// Guard: what every call meets before anything else looks at it. Who calls is told by the key in
// the metadata `authorization: Bearer KEY`; what that key may do by the rule of the method and,
// once the request has been read, by the collections that it names.
//
// What is refused is refused alike whether its target exists or not. Without a key ring everybody
// is an admin.
//
// Thread-safe.

#ifndef KITH_SERVER_SECURITY_GUARD_H_
#define KITH_SERVER_SECURITY_GUARD_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "server/security/access_rules.h"
#include "server/security/key_ring.h"
#include "server/security/principal.h"

namespace kith::security {

class Guard {
 public:
  // `keys` must outlive the guard; null: nobody needs a key.
  explicit Guard(const KeyRing* keys) : keys_(keys) {}

  bool needs_key() const { return keys_ != nullptr; }

  // Whose key it is. `authorization` are the values of that header. UNAUTHENTICATED / KEY_INVALID.
  absl::StatusOr<PrincipalRef> Identify(std::span<const std::string_view> authorization) const;

  // Whether the caller may call the method at all. `rule` may be null: a method without one is
  // nobody's. PERMISSION_DENIED / SCOPE_DENIED.
  absl::Status CheckMethod(const Principal& caller, const MethodRule* rule) const;

  // Whether the caller may touch what the request names. REQUIRES: CheckMethod said yes.
  static absl::Status CheckRequest(const Principal& caller, const MethodRule* rule,
                                   const google::protobuf::Message& request);

 private:
  const KeyRing* const keys_;
};

// PERMISSION_DENIED / SCOPE_DENIED unless the caller may touch `collection`.
absl::Status CheckCollection(const Principal& caller, std::string_view collection);

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_GUARD_H_
