#include "server/net/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>

#include "fmt/format.h"
#include "kith/base/error.h"

namespace kith::net {
namespace {

absl::Status Malformed(std::string_view text) {
  return InvalidArgument(reason::kInvalidRequest,
                         "{} is not an address: write IP:PORT, as 127.0.0.1:7600 or [::1]:7600",
                         Quoted(text));
}

}  // namespace

bool Endpoint::loopback() const {
  if (ipv6()) {
    in6_addr address;
    return inet_pton(AF_INET6, host.c_str(), &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
  }
  return host.starts_with("127.");
}

std::string Endpoint::ToString() const {
  return ipv6() ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Malformed(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);

  Endpoint endpoint;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    return Malformed(text);
  }
  char bytes[sizeof(in6_addr)];
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    endpoint.host = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, endpoint.host.c_str(), bytes) != 1) return Malformed(text);
  } else {
    endpoint.host = host == "localhost" ? "127.0.0.1" : std::string(host);
    if (inet_pton(AF_INET, endpoint.host.c_str(), bytes) != 1) return Malformed(text);
  }
  return endpoint;
}

}  // namespace kith::net
