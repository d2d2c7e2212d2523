#include "server/security/guard.h"

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/security/reasons.h"

namespace kith::security {
namespace {

constexpr std::string_view kScheme = "Bearer ";
// Ours have 48 characters; hashing what somebody sends must stay cheap.
constexpr size_t kMaxKey = 256;

absl::Status KeyInvalid(std::string_view why) {
  return Error(absl::StatusCode::kUnauthenticated, reason::kKeyInvalid, "{}", why);
}

ErrorBuilder Denied(const std::string& message) {
  return Error(absl::StatusCode::kPermissionDenied, reason::kScopeDenied, "{}", message);
}

}  // namespace

absl::StatusOr<PrincipalRef> Guard::Identify(
    std::span<const std::string_view> authorization) const {
  static const PrincipalRef* const everybody =
      new PrincipalRef(std::make_shared<const Principal>());
  if (!needs_key()) return *everybody;
  if (authorization.empty()) {
    return KeyInvalid("this server needs a key, as the metadata `authorization: Bearer KEY`");
  }
  if (authorization.size() > 1) return KeyInvalid("more than one key was sent");
  std::string_view key = authorization.front();
  const std::string_view scheme = key.substr(0, kScheme.size());
  if (!absl::EqualsIgnoreCase({scheme.data(), scheme.size()}, {kScheme.data(), kScheme.size()})) {
    return KeyInvalid("the metadata `authorization` is not `Bearer KEY`");
  }
  key.remove_prefix(kScheme.size());
  PrincipalRef found = key.size() <= kMaxKey ? keys_->Find(key) : nullptr;
  if (found == nullptr) return KeyInvalid("the key is not valid");
  return found;
}

absl::Status Guard::CheckMethod(const Principal& caller, const MethodRule* rule) const {
  if (!needs_key()) return absl::OkStatus();
  if (rule == nullptr) return Denied("the method has no access rule");
  KITH_RETURN_IF_ERROR(rule->valid);
  if (caller.role < rule->rule.role()) {
    return Denied(fmt::format("key \"{}\" has the role {}, and {} needs {}", caller.name,
                              RoleName(caller.role), rule->method, RoleName(rule->rule.role())))
        .With("role", RoleName(rule->rule.role()));
  }
  if (rule->rule.reach() == v1::REACH_SERVER && caller.restricted) {
    return Denied(
        fmt::format("key \"{}\" is for some collections alone, and {} concerns the whole "
                    "server",
                    caller.name, rule->method));
  }
  return absl::OkStatus();
}

absl::Status Guard::CheckRequest(const Principal& caller, const MethodRule* rule,
                                 const google::protobuf::Message& request) {
  if (!caller.restricted) return absl::OkStatus();
  for (const std::string& name : CollectionsNamed(*rule, request)) {
    KITH_RETURN_IF_ERROR(CheckCollection(caller, name));
  }
  return absl::OkStatus();
}

absl::Status CheckCollection(const Principal& caller, std::string_view collection) {
  if (caller.Sees(collection)) return absl::OkStatus();
  return Denied(
      fmt::format("key \"{}\" is not for collection {}", caller.name, Quoted(collection)));
}

}  // namespace kith::security
