#include "server/net/endpoint.h"

#include "gtest/gtest.h"
#include "server/net/listener.h"

namespace kith::net {
namespace {

TEST(EndpointTest, AddressesReadAndPrintBack) {
  struct Case {
    const char* text;
    Endpoint endpoint;
    bool loopback;
    const char* printed;
  };
  for (const Case& c : {
           Case{"127.0.0.1:7600", {"127.0.0.1", 7600}, true, "127.0.0.1:7600"},
           Case{"127.9.9.9:1", {"127.9.9.9", 1}, true, "127.9.9.9:1"},
           Case{"localhost:0", {"127.0.0.1", 0}, true, "127.0.0.1:0"},
           Case{"0.0.0.0:65535", {"0.0.0.0", 65535}, false, "0.0.0.0:65535"},
           Case{"[::1]:7600", {"::1", 7600}, true, "[::1]:7600"},
           Case{"[::]:7600", {"::", 7600}, false, "[::]:7600"},
           Case{"[2001:db8::7]:80", {"2001:db8::7", 80}, false, "[2001:db8::7]:80"},
       }) {
    const auto endpoint = ParseEndpoint(c.text);
    ASSERT_TRUE(endpoint.ok()) << c.text;
    EXPECT_EQ(*endpoint, c.endpoint) << c.text;
    EXPECT_EQ(endpoint->loopback(), c.loopback) << c.text;
    EXPECT_EQ(endpoint->ToString(), c.printed);
  }
}

TEST(EndpointTest, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", ":", "7600", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:80x", "example.org:80", "::1:7600", "[::1]",
                           "[::1", "[127.0.0.1]:80", "127.0.0.1.:80", "unix:/tmp/x:1"}) {
    EXPECT_EQ(ParseEndpoint(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(ListenerTest, PortZeroBecomesARealPort) {
  const auto listener = Listener::Open({"127.0.0.1", 0});
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_NE(listener->endpoint().port, 0);
}

TEST(ListenerTest, APortInUseIsToldInASentence) {
  const auto first = Listener::Open({"127.0.0.1", 0});
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Listener::Open(first->endpoint());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(second.status().message()).find("the port is in use"), std::string::npos)
      << second.status();
}

TEST(ListenerTest, AnAddressOfAnotherMachineIsRefused) {
  const auto listener = Listener::Open({"192.0.2.1", 0});
  EXPECT_EQ(listener.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace kith::net
