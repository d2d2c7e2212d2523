// Health, reflection, draining: what load balancers and people look at.

#include <future>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "server/net/acceptor.h"
#include "server/rpc/grpc_server.h"
#include "test_server.h"

namespace kith::rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

class HealthTest : public ServerTest {};

TEST_F(HealthTest, EveryServiceAndTheWholeServe) {
  StartServer();
  for (const char* name :
       {"", "kith.v1.AdminService", "kith.v1.CollectionService", "kith.v1.DocumentService",
        "kith.v1.EncoderService", "kith.v1.SearchService"}) {
    EXPECT_EQ(Health(channel_, name), "SERVING") << name;
  }
  EXPECT_EQ(Health(channel_, "kith.v1.NoService"), "NOT_FOUND");
}

// The engine is not there yet: everything but health says so, and says when to come back.
TEST_F(HealthTest, BeforeTheDatabaseIsOpenCallsAreToldToComeBack) {
  GrpcServerOptions options;
  auto grpc = GrpcServer::Start(options, &log_);
  ASSERT_TRUE(grpc.ok()) << grpc.status();
  auto listener = net::Listener::Open({"127.0.0.1", 0});
  ASSERT_TRUE(listener.ok());
  net::Acceptor acceptor(*std::move(listener), {},
                         [&](int listener_fd, int fd) { (*grpc)->Adopt(listener_fd, fd); });
  const auto channel =
      grpc::CreateChannel(acceptor.endpoint().ToString(), grpc::InsecureChannelCredentials());
  EXPECT_EQ(Health(channel, ""), "NOT_SERVING");
  EXPECT_EQ(Health(channel, "kith.v1.SearchService"), "NOT_SERVING");
  std::string response;
  EXPECT_EQ(Outcome(CallRaw(channel, "/kith.v1.SearchService/Search", "", &response)),
            "UNAVAILABLE COLLECTION_LOADING");
  EXPECT_EQ(Outcome(CallRaw(channel, "/kith.v1.AdminService/GetServerInfo", "", &response)),
            "UNAVAILABLE COLLECTION_LOADING");

  (*grpc)->SetServing(Part::kControl, true);
  EXPECT_EQ(Health(channel, "kith.v1.AdminService"), "SERVING");
  EXPECT_EQ(Health(channel, ""), "NOT_SERVING");

  (*grpc)->Drain();
  (*grpc)->SetServing(Part::kData, true);  // too late: a server that drains never serves again
  EXPECT_EQ(Health(channel, ""), "NOT_SERVING");
  EXPECT_EQ(Outcome(CallRaw(channel, "/kith.v1.SearchService/Search", "", &response)),
            "UNAVAILABLE DRAINING");
  acceptor.Stop();
}

TEST_F(HealthTest, UnknownMethodsAreUnimplemented) {
  StartServer();
  std::string response;
  EXPECT_EQ(Outcome(CallRaw(channel_, "/kith.v1.SearchService/Guess", "", &response)),
            "UNIMPLEMENTED");
}

// What reflection answers to "list services", as raw bytes; the code's name if it fails.
std::string ListServices(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::CompletionQueue queue;
  const auto context = NewContext();
  auto call = grpc::GenericStub(channel).PrepareCall(
      context.get(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto wait = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const grpc::Slice slice(std::string("\x3a\x01*"));  // ServerReflectionRequest{list_services: "*"}
  grpc::ByteBuffer answer;
  std::string out;
  call->StartCall(nullptr);
  bool ok = wait();
  if (ok) {
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    ok = wait();
  }
  if (ok) {
    call->Read(&answer, nullptr);
    if (wait()) {
      grpc::Slice whole;
      answer.DumpToSingleSlice(&whole).ok();
      out.assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
    }
  }
  context->TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
  return out;
}

TEST_F(HealthTest, ReflectionIsOpenOnLoopback) {
  StartServer();
  const std::string services = ListServices(channel_);
  EXPECT_THAT(services, HasSubstr("kith.v1.SearchService"));
  EXPECT_THAT(services, HasSubstr("grpc.health.v1.Health"));
}

TEST_F(HealthTest, ReflectionIsClosedBeyondLoopback) {
  StartServer([](config::Config* config) {
    config->grpc_address.host = "0.0.0.0";
    config->insecure = true;
  });
  EXPECT_THAT(ListServices(channel_), Not(HasSubstr("kith")));
  EXPECT_EQ(Health(channel_, ""), "SERVING");
}

TEST_F(HealthTest, AHealthWatchDoesNotHoldUpAStop) {
  StartServer();
  grpc::CompletionQueue queue;
  const auto context = NewContext();
  auto call = grpc::GenericStub(channel_).PrepareCall(context.get(), "/grpc.health.v1.Health/Watch",
                                                      &queue);
  const auto wait = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const grpc::Slice empty(std::string(""));
  call->WriteLast(grpc::ByteBuffer(&empty, 1), grpc::WriteOptions(), nullptr);
  ASSERT_TRUE(wait());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  ASSERT_TRUE(wait());

  EXPECT_TRUE(StopServer());
  // It was told before it was cut off.
  call->Read(&answer, nullptr);
  EXPECT_TRUE(wait());
  grpc::Slice whole;
  ASSERT_TRUE(answer.DumpToSingleSlice(&whole).ok());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(whole.begin()), whole.size()), "\x08\x02");
  context->TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
}

}  // namespace
}  // namespace kith::rpc
