// Credentials in gRPC's types. Internal to client/cpp.

#ifndef KITH_CLIENT_CPP_CHANNEL_CREDENTIALS_H_
#define KITH_CLIENT_CPP_CHANNEL_CREDENTIALS_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/cpp/options.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"

namespace kith::client {

// TLS with the files' contents as they are now, or none. INVALID_ARGUMENT: a file cannot be read,
// one of certificate and key is missing, the key could not stand in a header, or it would go to
// another machine in clear.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const Credentials& credentials, std::string_view address);

// Sends the key, if there is one, with a call.
void SendKey(const Credentials& credentials, grpc::ClientContext* context);

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_CHANNEL_CREDENTIALS_H_
