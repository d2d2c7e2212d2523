#include "server/net/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"

namespace kith::net {
namespace {

// A client's socket, connected to the server; -1 if that refuses.
int Connect(const Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

// True if the server closed its end within 10 s.
bool ClosedByServer(int fd) {
  pollfd wait{fd, POLLIN, 0};
  char byte;
  return poll(&wait, 1, 10'000) == 1 && read(fd, &byte, 1) <= 0;
}

// Takes over connections as gRPC would.
class Adopted {
 public:
  void Add(int fd) {
    absl::MutexLock lock(&mu_);
    fds_.push_back(fd);
  }
  void WaitFor(size_t count) {
    const auto there = [&] { return fds_.size() >= count; };
    absl::MutexLock lock(&mu_);
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(10)));
  }
  void CloseAll() {
    absl::MutexLock lock(&mu_);
    for (int fd : fds_) close(fd);
    fds_.clear();
  }

 private:
  absl::Mutex mu_;
  std::vector<int> fds_;
};

class AcceptorTest : public testing::Test {
 protected:
  void Start(AcceptorOptions options) {
    auto listener = Listener::Open({"127.0.0.1", 0});
    ASSERT_TRUE(listener.ok()) << listener.status();
    acceptor_ = std::make_unique<Acceptor>(*std::move(listener), options,
                                           [this](int, int fd) { adopted_.Add(fd); });
  }
  ~AcceptorTest() override {
    acceptor_.reset();
    adopted_.CloseAll();
    for (int fd : clients_) close(fd);
  }
  int NewClient() {
    clients_.push_back(Connect(acceptor_->endpoint()));
    EXPECT_GE(clients_.back(), 0);
    return clients_.back();
  }

  Adopted adopted_;
  std::vector<int> clients_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, ConnectionsOverTheCapAreClosedAtOnce) {
  Start({.max_connections = 3});
  for (int i = 0; i < 3; ++i) NewClient();
  adopted_.WaitFor(3);
  EXPECT_TRUE(ClosedByServer(NewClient()));
  EXPECT_EQ(acceptor_->accepted(), 3u);
  EXPECT_EQ(acceptor_->refused(), 1u);
}

TEST_F(AcceptorTest, AClosedConnectionMakesRoomForAnother) {
  Start({.max_connections = 2});
  for (int round = 0; round < 5; ++round) {
    NewClient();
    NewClient();
    adopted_.WaitFor(2);
    adopted_.CloseAll();  // gRPC closes without telling
    // Sweeps are 10 ms apart at least: wait for that in the kernel, as a refused client would.
    pollfd nothing{-1, 0, 0};
    poll(&nothing, 1, 20);
  }
  EXPECT_EQ(acceptor_->accepted(), 10u);
}

TEST_F(AcceptorTest, OneAddressCannotTakeAllConnections) {
  Start({.max_connections = 10, .max_connections_per_address = 2});
  NewClient();
  NewClient();
  adopted_.WaitFor(2);
  EXPECT_TRUE(ClosedByServer(NewClient()));
}

TEST_F(AcceptorTest, AfterStopConnectionsAreRefused) {
  Start({.max_connections = 10});
  NewClient();
  adopted_.WaitFor(1);
  acceptor_->Stop();
  EXPECT_EQ(Connect(acceptor_->endpoint()), -1);
  EXPECT_EQ(acceptor_->accepted(), 1u);
}

TEST(ConnectionTableTest, ADescriptorGivenToAnotherSocketIsNotTheSameConnection) {
  ConnectionTable table;
  const int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_TRUE(table.Add(first, "10.0.0.1"));
  table.Sweep();
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.CountFrom("10.0.0.1"), 1u);

  const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(dup3(other, first, O_CLOEXEC), first);  // closes `first` and reuses its number
  table.Sweep();
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.CountFrom("10.0.0.1"), 0u);
  close(first);
  close(other);
}

TEST(ConnectionTableTest, OnlySocketsAreCounted) {
  ConnectionTable table;
  EXPECT_FALSE(table.Add(-1, "10.0.0.1"));
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  EXPECT_FALSE(table.Add(pipe_fds[0], "10.0.0.1"));
  close(pipe_fds[0]);
  close(pipe_fds[1]);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace kith::net
