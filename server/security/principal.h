// Principal: who calls: the name, the role and the collections of a key.
//
// Immutable, shared between the calls that its key makes; it outlives a reload that removed the
// key.

#ifndef KITH_SERVER_SECURITY_PRINCIPAL_H_
#define KITH_SERVER_SECURITY_PRINCIPAL_H_

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kith/v1/access.pb.h"

namespace kith::security {

struct Principal {
  std::string name;  // for logs and messages; empty: nobody needs a key here
  v1::Role role = v1::ROLE_ADMIN;
  bool restricted = false;               // to `collections`
  std::vector<std::string> collections;  // sorted

  bool Sees(std::string_view collection) const {
    return !restricted || std::binary_search(collections.begin(), collections.end(), collection);
  }
};

using PrincipalRef = std::shared_ptr<const Principal>;

// "reader", "writer", "admin".
std::string_view RoleName(v1::Role role);

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_PRINCIPAL_H_
