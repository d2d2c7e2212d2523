#include "client/cli/bench/load.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/wire_status.h"
#include "fmt/format.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/proto_utils.h"

namespace kith::cli {
namespace {

using Clock = std::chrono::steady_clock;

// One connection with its call.
struct Connection {
  Connection(const std::string& address, const LoadOptions& options) {
    grpc::ChannelArguments arguments;
    // Channels of one address would share a connection otherwise.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(-1);
    channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    stub = std::make_unique<grpc::GenericStub>(channel);
    timeout = options.call_timeout;
  }

  void Begin(const std::string& method, size_t request, const grpc::ByteBuffer& bytes,
             grpc::CompletionQueue* queue) {
    index = request;
    context.emplace();
    context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    status = grpc::Status();
    response.Clear();
    begun = Clock::now();
    call = stub->PrepareUnaryCall(&*context, method, bytes, queue);
    call->StartCall();
    call->Finish(&response, &status, this);
  }

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<grpc::GenericStub> stub;
  absl::Duration timeout;
  // Of the call under way.
  size_t index = 0;
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call;
  grpc::ByteBuffer response;
  grpc::Status status;
  Clock::time_point begun;
};

absl::Status Parse(grpc::ByteBuffer* bytes, google::protobuf::MessageLite* message) {
  using Traits = grpc::SerializationTraits<google::protobuf::MessageLite>;
  if (Traits::Deserialize(bytes, message).ok()) return absl::OkStatus();
  return absl::InternalError(fmt::format("the answer is not a {}", message->GetTypeName()));
}

}  // namespace

double LoadResult::Percentile(double share) const {
  if (latencies_ms.empty()) return 0;
  const auto index = static_cast<size_t>(share * static_cast<double>(latencies_ms.size()));
  return latencies_ms[std::min(index, latencies_ms.size() - 1)];
}

absl::StatusOr<LoadResult> Load::Run(int connections, absl::Duration time,
                                     std::span<const std::string> requests,
                                     google::protobuf::MessageLite* answer,
                                     const Take& take) const {
  // Slices without a copy: `requests` outlives the calls.
  std::vector<grpc::ByteBuffer> bytes;
  for (const std::string& request : requests) {
    const grpc::Slice slice(request.data(), request.size(), grpc::Slice::STATIC_SLICE);
    bytes.emplace_back(&slice, 1);
  }
  std::vector<std::unique_ptr<Connection>> all;
  for (int i = 0; i < connections; ++i) {
    all.push_back(std::make_unique<Connection>(options_.address, options_));
  }
  const auto patience = std::chrono::system_clock::now() + std::chrono::seconds(10);
  for (const auto& connection : all) {
    if (!connection->channel->WaitForConnected(patience)) {
      return absl::UnavailableError(fmt::format("{} of {} connections to {} cannot be opened",
                                                connections, connections, options_.address));
    }
  }

  LoadResult result;
  grpc::CompletionQueue queue;
  size_t next = 0;
  const auto begin = [&](Connection* connection) {
    const size_t index = next++ % bytes.size();
    connection->Begin(options_.method, index, bytes[index], &queue);
  };
  const Clock::time_point from = Clock::now() + absl::ToChronoNanoseconds(options_.warm_up);
  const Clock::time_point to = from + absl::ToChronoNanoseconds(time);
  for (const auto& connection : all) begin(connection.get());
  int under_way = connections;
  void* tag = nullptr;
  for (bool ok = false; under_way > 0 && queue.Next(&tag, &ok);) {
    auto* const connection = static_cast<Connection*>(tag);
    absl::Status status;
    if (!connection->status.ok()) {
      const grpc::Status& wire = connection->status;
      status = client::FromWire(wire.error_code(), wire.error_message(), wire.error_details());
    } else {
      status = Parse(&connection->response, answer);
    }
    const Clock::time_point now = Clock::now();
    if (status.ok()) take(connection->index);
    if (now >= from && now < to) {
      ++result.calls;
      if (status.ok()) {
        const std::chrono::duration<float, std::milli> took = now - connection->begun;
        result.latencies_ms.push_back(took.count());
      } else {
        ++result.failed;
        if (result.first_failure.ok()) result.first_failure = status;
      }
    }
    if (now < to) {
      begin(connection);
    } else {
      --under_way;
    }
  }
  queue.Shutdown();
  for (bool ok = false; queue.Next(&tag, &ok);) {
  }
  result.seconds = absl::ToDoubleSeconds(time);
  std::sort(result.latencies_ms.begin(), result.latencies_ms.end());
  return result;
}

}  // namespace kith::cli
