// The rules that stand beside the RPCs in proto/kith/v1 (access.proto), read from the descriptors.
//
// Thread-safe: the rules are constant.

#ifndef KITH_SERVER_SECURITY_ACCESS_RULES_H_
#define KITH_SERVER_SECURITY_ACCESS_RULES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "kith/v1/access.pb.h"
#include "server/security/principal.h"

namespace kith::security {

struct MethodRule {
  std::string method;  // "SearchService/Search"
  v1::AccessRule rule;
  // Why nobody who needs a key may call it: the rule is missing, names fields that the request does
  // not have, or contradicts itself. OK for every method of a released server: a test says so.
  absl::Status valid;
};

// Of every method of every service of kith.v1, by name.
std::span<const MethodRule> AllRules();

// Of `method`; null if there is no such method.
const MethodRule* FindRule(std::string_view method);

// Why the rule of `method` cannot be followed.
absl::Status CheckRule(const google::protobuf::MethodDescriptor& method,
                       const v1::AccessRule& rule);

// The collections that `request` names, by the rule's paths. A path through a message that is not
// set names the empty string, as the field itself does when it is not set.
std::vector<std::string> CollectionsNamed(const MethodRule& rule,
                                          const google::protobuf::Message& request);

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_ACCESS_RULES_H_
