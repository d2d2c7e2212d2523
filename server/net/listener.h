// Listener: a bound, listening TCP socket. Closed when it dies.

#ifndef KITH_SERVER_NET_LISTENER_H_
#define KITH_SERVER_NET_LISTENER_H_

#include <utility>

#include "absl/status/statusor.h"
#include "server/net/endpoint.h"

namespace kith::net {

class Listener {
 public:
  // Binds and listens. Port 0 becomes the port that the system picked. FAILED_PRECONDITION in a
  // sentence for people: the port is in use, the address is not this machine's, it needs
  // privileges.
  static absl::StatusOr<Listener> Open(const Endpoint& endpoint);

  Listener(Listener&& other) noexcept
      : endpoint_(std::move(other.endpoint_)), fd_(std::exchange(other.fd_, -1)) {}
  Listener& operator=(Listener&&) = delete;
  ~Listener() { Close(); }

  // Gives the port back: whoever connects is refused, also who waited to be accepted. Idempotent.
  void Close();

  int fd() const { return fd_; }  // non-blocking; -1 once closed
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  Listener(Endpoint endpoint, int fd) : endpoint_(std::move(endpoint)), fd_(fd) {}

  Endpoint endpoint_;
  int fd_;
};

}  // namespace kith::net

#endif  // KITH_SERVER_NET_LISTENER_H_
