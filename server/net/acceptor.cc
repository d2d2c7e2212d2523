#include "server/net/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "kith/base/check.h"

namespace kith::net {
namespace {

// Under a flood every newcomer finds the table full; the kernel is asked at most this often.
constexpr std::chrono::milliseconds kSweepInterval{10};
// Pause after an accept that failed for want of a resource: without it the loop would spin.
constexpr int kPauseMs = 20;
// Connections accepted before the loop looks whether it shall end.
constexpr int kAcceptsPerTurn = 256;

std::string AddressOf(const sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr, text,
              sizeof(text));
  } else if (peer.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr, text, sizeof(text));
  }
  return text;
}

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

void Pause(int wake_fd) {
  pollfd wake{wake_fd, POLLIN, 0};
  poll(&wake, 1, kPauseMs);
}

}  // namespace

Acceptor::Acceptor(Listener listener, AcceptorOptions options, Adopt adopt)
    : listener_(std::move(listener)), options_(options), adopt_(std::move(adopt)) {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  KITH_CHECK(wake_fd_ >= 0, "an eventfd can be made while the server starts");
  spare_fd_ = OpenSpare();
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  KITH_CHECK(write(wake_fd_, &one, sizeof(one)) == sizeof(one), "an eventfd takes a one");
  thread_.join();
  listener_.Close();
  close(wake_fd_);
  if (spare_fd_ >= 0) close(spare_fd_);
}

void Acceptor::Run() {
  for (;;) {
    pollfd fds[2] = {{listener_.fd(), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) {
      Pause(wake_fd_);  // EINTR, or no memory in the kernel
      continue;
    }
    if (fds[1].revents != 0) return;
    if (fds[0].revents != 0) AcceptAll();
  }
}

void Acceptor::AcceptAll() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    const int fd = accept4(listener_.fd(), reinterpret_cast<sockaddr*>(&peer), &length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      switch (errno) {
        case EAGAIN:
          return;
        case EMFILE:
        case ENFILE:
          DropOneWithoutDescriptor();
          Pause(wake_fd_);
          return;
        case ENOBUFS:
        case ENOMEM:
          Pause(wake_fd_);
          return;
        default:  // the client gave up before it was accepted (ECONNABORTED and the like)
          continue;
      }
    }
    if (!Admit(fd, AddressOf(peer))) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      close(fd);
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    accepted_.fetch_add(1, std::memory_order_relaxed);
    adopt_(listener_.fd(), fd);
  }
}

bool Acceptor::Admit(int fd, const std::string& address) {
  const auto full = [&] {
    return table_.size() >= options_.max_connections ||
           (options_.max_connections_per_address != 0 &&
            table_.CountFrom(address) >= options_.max_connections_per_address);
  };
  if (full()) {
    const int64_t now = NowNs();
    if (now - last_sweep_ns_ < std::chrono::nanoseconds(kSweepInterval).count()) return false;
    last_sweep_ns_ = now;
    table_.Sweep();
    if (full()) return false;
  }
  return table_.Add(fd, address);
}

// Without a descriptor the waiting connection cannot even be accepted to be closed, and poll()
// would report it for ever: the spare descriptor makes room for just that.
void Acceptor::DropOneWithoutDescriptor() {
  if (spare_fd_ >= 0) close(spare_fd_);
  const int fd = accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    refused_.fetch_add(1, std::memory_order_relaxed);
  }
  spare_fd_ = OpenSpare();
}

}  // namespace kith::net
