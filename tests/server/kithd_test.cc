// The program itself: exit codes, sentences on stderr, signals, and a flood of connections under a
// low limit of descriptors.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/net/endpoint.h"
#include "test_server.h"
#include "tests/support/kithd_process.h"
#include "tests/support/temp_folder.h"

namespace kith::rpc {
namespace {

using testing::HasSubstr;

class KithdTest : public testing::Test {
 protected:
  std::vector<std::string> Arguments(std::vector<std::string> more = {}) {
    std::vector<std::string> out = {"--grpc-address=127.0.0.1:0", "--model-dir=" + TinyModel(),
                                    "--data-dir=" + data_dir(), "--memory-budget=512MiB",
                                    "--threads=2"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  std::string data_dir() const { return (folder_.path() / "data").string(); }

  TempFolder folder_;
};

TEST_F(KithdTest, StopsInOrderOnSigterm) {
  for (int signal : {SIGTERM, SIGINT}) {
    KithdProcess kithd(folder_.path() / "kithd.out", Arguments());
    const std::string address = kithd.WaitUntilServing();
    ASSERT_NE(address, "") << kithd.output();
    const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    EXPECT_EQ(Health(channel, ""), "SERVING");
    kithd.Signal(signal);
    EXPECT_EQ(kithd.Wait(), 0) << kithd.output();
    EXPECT_THAT(kithd.output(), HasSubstr("stopped"));
  }
}

TEST_F(KithdTest, EveryLineOfTheLogIsJson) {
  KithdProcess kithd(folder_.path() / "kithd.out", Arguments({"--log-level=debug"}));
  const std::string address = kithd.WaitUntilServing();
  ASSERT_NE(address, "") << kithd.output();
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  const std::string secret = "the text of a document";
  v1::SearchRequest request;
  v1::SearchResponse response;
  request.set_collection("no\n{\"such\"}");
  request.mutable_query()->set_text(secret);
  v1::SearchService::NewStub(channel)->Search(NewContext().get(), request, &response);
  kithd.Signal(SIGTERM);
  EXPECT_EQ(kithd.Wait(), 0);
  std::istringstream lines(kithd.output());
  bool seen = false;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(json.is_object()) << line;
    EXPECT_TRUE(json.contains("time") && json.contains("level") && json.contains("message"))
        << line;
    if (json.value("method", "") == "SearchService/Search") {
      seen = true;
      EXPECT_NE(json.value("request_id", ""), "");
      EXPECT_EQ(json.value("code", ""), "NOT_FOUND");
    }
  }
  EXPECT_TRUE(seen) << kithd.output();
  EXPECT_THAT(kithd.output(), testing::Not(HasSubstr(secret)));
}

TEST_F(KithdTest, WhatIsWrongIsSaidAndHasItsExitCode) {
  struct Case {
    const char* name;
    std::vector<std::string> arguments;
    int exit_code;
    const char* sentence;
  };
  const std::string file = (folder_.path() / "file").string();
  std::ofstream(file) << "not a folder";
  for (const Case& c : {
           Case{"help", {"--help"}, 0, "--data-dir"},
           Case{"version", {"--version"}, 0, "kithd "},
           Case{"check", {"--check-config"}, 0, "valid"},
           Case{"print", {"--print-config", "--threads=3"}, 0, "threads: \"3\""},
           Case{"unknown option", {"--no-such"}, 2, "--no-such"},
           Case{"beyond loopback", {"--grpc-address=0.0.0.0:0"}, 2, "--insecure"},
           Case{"no model", {"--model-dir=/no/such/model"}, 1, "/no/such/model"},
           Case{"data folder is a file", {"--data-dir=" + file}, 3, "file"},
           Case{
               "data folder cannot be made", {"--data-dir=/proc/no-such/data"}, 3, "/proc/no-such"},
       }) {
    std::vector<std::string> arguments = Arguments();
    for (const std::string& argument : c.arguments) {
      const std::string flag = argument.substr(0, argument.find('='));
      std::erase_if(arguments, [&](const std::string& a) { return a.starts_with(flag + "="); });
      arguments.push_back(argument);
    }
    KithdProcess kithd(folder_.path() / "kithd.out", arguments);
    EXPECT_EQ(kithd.Wait(), c.exit_code) << c.name << "\n" << kithd.output();
    EXPECT_THAT(kithd.output(), HasSubstr(c.sentence)) << c.name;
  }
}

TEST_F(KithdTest, APortInUseAndADataFolderInUseAreSaid) {
  KithdProcess first(folder_.path() / "first.out", Arguments());
  const std::string address = first.WaitUntilServing();
  ASSERT_NE(address, "") << first.output();

  KithdProcess port(folder_.path() / "port.out",
                    {"--grpc-address=" + address, "--no-encoder",
                     "--data-dir=" + (folder_.path() / "other").string()});
  EXPECT_EQ(port.Wait(), 1);
  EXPECT_THAT(port.output(), HasSubstr("the port is in use"));

  KithdProcess data(folder_.path() / "data-in-use.out", Arguments());
  EXPECT_EQ(data.Wait(), 3);
  EXPECT_THAT(data.output(), HasSubstr(data_dir()));

  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  EXPECT_EQ(Health(channel, ""), "SERVING") << "the first one is unharmed";
}

// CVE-2023-4785: gRPC's own listener never recovers from this.
TEST_F(KithdTest, AFloodOfConnectionsPassesAndServiceGoesOn) {
  KithdProcess kithd(folder_.path() / "kithd.out", Arguments(), /*descriptors=*/120);
  const std::string address = kithd.WaitUntilServing();
  ASSERT_NE(address, "") << kithd.output();
  const auto endpoint = net::ParseEndpoint(address);
  ASSERT_TRUE(endpoint.ok());
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(endpoint->port);
  inet_pton(AF_INET, endpoint->host.c_str(), &target.sin_addr);
  for (int round = 0; round < 5; ++round) {
    std::vector<int> flood;
    for (int i = 0; i < 200; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(fd, reinterpret_cast<sockaddr*>(&target), sizeof(target)) == 0) {
        flood.push_back(fd);
      } else {
        close(fd);
      }
    }
    EXPECT_EQ(flood.size(), 200u);
    for (int fd : flood) close(fd);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  const auto channel =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  ASSERT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20)));
  EXPECT_EQ(Health(channel, ""), "SERVING");
  kithd.Signal(SIGTERM);
  EXPECT_EQ(kithd.Wait(), 0) << kithd.output();
}

}  // namespace
}  // namespace kith::rpc
