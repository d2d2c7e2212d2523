// grpc_echo_bench: the floor under Kith's server. A process of its own answers every search request
// with the request itself, over the same accept loop and the same gRPC server mode as kithd
// (callback API on raw bytes, server/rpc/transport.h); it parses the message and serialises it
// again, as a server must. The driver is that of `kith bench`.
//
//   grpc_echo_bench --seconds 5
//   grpc_echo_bench --queries q.fvecs --server 127.0.0.1:7600 --collection images --json
//
// With --server every level is run on the echo and on that kithd, one after the other, and the
// ratios are printed: the machine is the same in the same minutes. To share cores, start all of it
// under one taskset: kithd, and this program (the echo inherits it).

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cli/bench/load.h"
#include "client/cli/output.h"
#include "client/cli/vecs_file.h"
#include "client/cpp/vector.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "kith/base/check.h"
#include "kith/v1/search_service.grpc.pb.h"
#include "server/net/acceptor.h"
#include "server/net/listener.h"
#include "server/rpc/message.h"
#include "server/rpc/transport.h"

namespace {

using kith::cli::Json;
using kith::cli::Load;
using kith::cli::LoadResult;
using kith::v1::SearchRequest;
using kith::v1::SearchResponse;

class EchoService final : public kith::v1::SearchService::WithRawCallbackMethod_Search<
                              kith::v1::SearchService::Service> {
 public:
  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    SearchRequest message;
    const bool echoed =
        kith::rpc::Parse(const_cast<grpc::ByteBuffer*>(request), &message).ok() &&
        kith::rpc::Serialize(message, kith::rpc::TransportOptions().max_message_bytes, response)
            .ok();
    reactor->Finish(echoed ? grpc::Status::OK : grpc::Status(grpc::StatusCode::INTERNAL, "echo"));
    return reactor;
  }
};

// The child's life: opens a port, writes its address to `pipe`, serves until it is killed.
[[noreturn]] void Serve(int pipe) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto listener = kith::net::Listener::Open({"127.0.0.1", 0});
  KITH_CHECK(listener.ok(), "a free port can be listened on");
  const std::string address = listener->endpoint().ToString();
  EchoService service;
  grpc::ServerBuilder builder;
  kith::rpc::ConfigureTransport({}, &builder);
  builder.RegisterService(&service);
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  const auto adopted = builder.experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD, grpc::InsecureServerCredentials());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  kith::net::Acceptor acceptor(*std::move(listener), {}, [&](int listener_fd, int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.listener_fd = listener_fd;
    connection.fd = fd;
    adopted->HandleNewConnection(&connection);
  });
  KITH_CHECK(write(pipe, address.data(), address.size()) > 0, "the parent reads the address");
  close(pipe);
  server->Wait();
  std::abort();
}

struct Flags {
  std::string queries;
  size_t dimension = 384;
  std::string server;
  std::string collection;
  std::vector<int> concurrency = {1, 4, 16, 64};
  double seconds = 5;
  int32_t limit = 10;
  int32_t ef = 0;
  bool json = false;
};

std::vector<std::vector<float>> RandomVectors(size_t dimension) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> rows(1000, std::vector<float>(dimension));
  for (auto& row : rows) {
    for (float& value : row) value = normal(random);
  }
  return rows;
}

absl::StatusOr<std::vector<std::string>> Requests(const Flags& flags) {
  absl::StatusOr<std::vector<std::vector<float>>> rows = RandomVectors(flags.dimension);
  if (!flags.queries.empty()) rows = kith::cli::ReadFvecs(flags.queries);
  if (!rows.ok()) return rows.status();
  std::vector<std::string> requests;
  for (const std::vector<float>& row : *rows) {
    SearchRequest request;
    request.set_collection(flags.collection.empty() ? "images" : flags.collection);
    *request.mutable_query()->mutable_vector() = kith::client::PackVector(row);
    request.set_limit(flags.limit);
    if (flags.ef > 0) request.mutable_tuning()->set_ef(flags.ef);
    requests.push_back(request.SerializeAsString());
  }
  return requests;
}

Json ToJson(const char* engine, int concurrency, const LoadResult& result) {
  return {{"engine", engine},
          {"concurrency", concurrency},
          {"qps", result.qps()},
          {"p50_ms", result.Percentile(0.5)},
          {"p95_ms", result.Percentile(0.95)},
          {"p99_ms", result.Percentile(0.99)},
          {"failed", result.failed}};
}

void Print(const Flags& flags, const Json& line) {
  if (flags.json) {
    std::puts(kith::cli::Dump(line).c_str());
  } else if (line.contains("ratio_qps")) {
    std::printf("%-6s %4d connections: %.2f of the echo's QPS, %.2f x its p50\n", "ratio",
                line["concurrency"].get<int>(), line["ratio_qps"].get<double>(),
                line["ratio_p50"].get<double>());
  } else {
    std::printf(
        "%-6s %4d connections: %8.0f QPS, p50 %.3f ms, p95 %.3f ms, p99 %.3f ms, %d failed\n",
        line["engine"].get<std::string>().c_str(), line["concurrency"].get<int>(),
        line["qps"].get<double>(), line["p50_ms"].get<double>(), line["p95_ms"].get<double>(),
        line["p99_ms"].get<double>(), line["failed"].get<int>());
  }
  std::fflush(stdout);
}

template <typename Answer>
absl::StatusOr<LoadResult> Measure(const Flags& flags, const std::string& address, int concurrency,
                                   const std::vector<std::string>& requests) {
  Answer answer;
  kith::cli::LoadOptions options;
  options.address = address;
  options.method = "/kith.v1.SearchService/Search";
  return Load(options).Run(concurrency, absl::Seconds(flags.seconds), requests, &answer,
                           [](size_t) {});
}

absl::Status Run(const Flags& flags, const std::string& echo) {
  auto requests = Requests(flags);
  if (!requests.ok()) return requests.status();
  for (const int concurrency : flags.concurrency) {
    auto floor = Measure<SearchRequest>(flags, echo, concurrency, *requests);
    if (!floor.ok()) return floor.status();
    Print(flags, ToJson("echo", concurrency, *floor));
    if (flags.server.empty()) continue;
    auto kith = Measure<SearchResponse>(flags, flags.server, concurrency, *requests);
    if (!kith.ok()) return kith.status();
    Print(flags, ToJson("kith", concurrency, *kith));
    if (kith->failed > 0) return kith->first_failure;
    Print(flags, {{"engine", "ratio"},
                  {"concurrency", concurrency},
                  {"ratio_qps", kith->qps() / floor->qps()},
                  {"ratio_p50", kith->Percentile(0.5) / floor->Percentile(0.5)}});
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as kithd does
  Flags flags;
  CLI::App app("Kith's gRPC server mode with nothing behind it", "grpc_echo_bench");
  app.add_option("--queries", flags.queries, "An .fvecs file (default: 1,000 random vectors)");
  app.add_option("--dimension", flags.dimension, "Of random vectors")->check(CLI::Range(1, 4096));
  auto* server = app.add_option("--server", flags.server, "A kithd to measure beside the echo");
  auto* collection = app.add_option("--collection", flags.collection, "What to search there");
  server->needs(collection);
  app.add_option("--concurrency", flags.concurrency, "Connections")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000));
  app.add_option("--seconds", flags.seconds, "A level")->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--limit", flags.limit, "Hits asked of kithd")->check(CLI::Range(1, 10'000));
  app.add_option("--ef", flags.ef, "Candidates of its walks (default: as it finds right)")
      ->check(CLI::Range(1, 16'384));
  app.add_flag("--json", flags.json, "Print JSON, one object a line");
  CLI11_PARSE(app, argc, argv);

  // Before gRPC has threads: a child that is forked later would have none of them.
  int ends[2];
  if (pipe(ends) != 0) return std::perror("pipe"), 1;
  const pid_t child = fork();
  if (child < 0) return std::perror("fork"), 1;
  if (child == 0) {
    close(ends[0]);
    Serve(ends[1]);
  }
  close(ends[1]);
  char address[64] = "";
  const ssize_t size = read(ends[0], address, sizeof(address) - 1);
  absl::Status status = absl::InternalError("the echo did not start");
  if (size > 0) status = Run(flags, address);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  if (status.ok()) return 0;
  std::fprintf(stderr, "grpc_echo_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
