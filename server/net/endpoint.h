// Endpoint: where the server listens, as "127.0.0.1:7600" or "[::1]:7600". Names are not looked up
// (kithd never dials out), except that "localhost" is 127.0.0.1.

#ifndef KITH_SERVER_NET_ENDPOINT_H_
#define KITH_SERVER_NET_ENDPOINT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kith::net {

struct Endpoint {
  std::string host = "127.0.0.1";  // an IP address, IPv6 without brackets
  uint16_t port = 0;               // 0: the system picks one

  bool ipv6() const { return host.find(':') != std::string::npos; }
  // Reachable from this machine alone.
  bool loopback() const;
  // "127.0.0.1:7600", "[::1]:7600".
  std::string ToString() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// INVALID_ARGUMENT unless `text` is an IP address and a port, IPv6 in brackets.
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text);

}  // namespace kith::net

#endif  // KITH_SERVER_NET_ENDPOINT_H_
