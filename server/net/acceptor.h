// Acceptor: the accept loop of the public port, on a thread of its own. gRPC's built-in listener
// stops for good the first time the process runs out of descriptors (CVE-2023-4785), and bounds
// nothing; this loop keeps the number of connections under a cap, closes what is over it at once,
// and goes on after EMFILE.
//
//   Acceptor acceptor(std::move(listener), {.max_connections = 600},
//                     [&](int listener_fd, int fd) { grpc_server->Adopt(listener_fd, fd); });
//   acceptor.Stop();  // refuse newcomers; open connections stay
//
// Thread-safe.

#ifndef KITH_SERVER_NET_ACCEPTOR_H_
#define KITH_SERVER_NET_ACCEPTOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>

#include "server/net/connection_table.h"
#include "server/net/listener.h"

namespace kith::net {

struct AcceptorOptions {
  size_t max_connections = 600;
  // From one address; 0: as many as there may be in all.
  size_t max_connections_per_address = 0;
};

class Acceptor {
 public:
  // Takes over the connection `fd`: non-blocking, close-on-exec, TCP_NODELAY.
  using Adopt = std::function<void(int listener_fd, int fd)>;

  Acceptor(Listener listener, AcceptorOptions options, Adopt adopt);
  ~Acceptor() { Stop(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Ends the loop and gives the port back. Returns when `adopt` will not be
  // called any more. A second call does nothing.
  void Stop();

  const Endpoint& endpoint() const { return listener_.endpoint(); }
  // Since the start.
  uint64_t accepted() const { return accepted_.load(std::memory_order_relaxed); }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  void Run();
  void AcceptAll();
  bool Admit(int fd, const std::string& address);
  void DropOneWithoutDescriptor();

  // Constant between construction and Stop.
  Listener listener_;
  // Constant after construction.
  const AcceptorOptions options_;
  const Adopt adopt_;
  int wake_fd_ = -1;  // eventfd: readable once the loop shall end

  // The loop's own.
  ConnectionTable table_;
  int64_t last_sweep_ns_ = 0;
  // Given up to accept (and close) a connection when there is no descriptor left.
  int spare_fd_ = -1;

  // Relaxed: they publish nothing but themselves.
  std::atomic<uint64_t> accepted_{0};
  std::atomic<uint64_t> refused_{0};

  std::thread thread_;
};

}  // namespace kith::net

#endif  // KITH_SERVER_NET_ACCEPTOR_H_
