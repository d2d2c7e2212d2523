#include "server/net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "kith/base/error.h"

namespace kith::net {
namespace {

// Connections that the kernel holds for us until the accept loop comes round.
constexpr int kBacklog = 1024;

absl::Status Failed(const Endpoint& endpoint, int error) {
  const std::string address = endpoint.ToString();
  switch (error) {
    case EADDRINUSE:
      return Error(
          absl::StatusCode::kFailedPrecondition, reason::kInvalidRequest,
          "cannot listen on {}: the port is in use. Is another kithd running? Choose another "
          "port with --grpc-address, or 0 for any",
          address);
    case EADDRNOTAVAIL:
      return Error(absl::StatusCode::kFailedPrecondition, reason::kInvalidRequest,
                   "cannot listen on {}: the address does not belong to this machine", address);
    case EACCES:
      return Error(absl::StatusCode::kFailedPrecondition, reason::kInvalidRequest,
                   "cannot listen on {}: not permitted (ports below 1024 need privileges)",
                   address);
    default:
      return Error(absl::StatusCode::kFailedPrecondition, reason::kInvalidRequest,
                   "cannot listen on {}: {}", address, std::system_category().message(error));
  }
}

socklen_t FillAddress(const Endpoint& endpoint, sockaddr_storage* storage) {
  std::memset(storage, 0, sizeof(*storage));
  if (endpoint.ipv6()) {
    auto* address = reinterpret_cast<sockaddr_in6*>(storage);
    address->sin6_family = AF_INET6;
    address->sin6_port = htons(endpoint.port);
    inet_pton(AF_INET6, endpoint.host.c_str(), &address->sin6_addr);
    return sizeof(*address);
  }
  auto* address = reinterpret_cast<sockaddr_in*>(storage);
  address->sin_family = AF_INET;
  address->sin_port = htons(endpoint.port);
  inet_pton(AF_INET, endpoint.host.c_str(), &address->sin_addr);
  return sizeof(*address);
}

}  // namespace

absl::StatusOr<Listener> Listener::Open(const Endpoint& endpoint) {
  sockaddr_storage address;
  socklen_t length = FillAddress(endpoint, &address);
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failed(endpoint, errno);
  Listener listener(endpoint, fd);  // closes fd on every way out

  // A restart must not wait for the connections of the last run to time out. SO_REUSEPORT stays
  // off: with it two servers would share the port in silence.
  const int on = 1, off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (endpoint.ipv6()) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(fd, kBacklog) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return Failed(endpoint, errno);
  }
  listener.endpoint_.port =
      ntohs(endpoint.ipv6() ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                            : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
  return listener;
}

void Listener::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace kith::net
