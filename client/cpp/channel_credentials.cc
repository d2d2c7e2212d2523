#include "client/cpp/channel_credentials.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::client {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.find("-----BEGIN ") == std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("{} cannot be read, or is no PEM file", Quoted(path)));
  }
  return text;
}

bool IsThisMachine(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const Credentials& credentials, std::string_view address) {
  const bool printable = std::all_of(credentials.key.begin(), credentials.key.end(),
                                     [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) {  // not quoted: it is a secret
    return absl::InvalidArgumentError("the key holds spaces or other characters that no key has");
  }
  if (!credentials.uses_tls()) {
    if (!credentials.key.empty() && !credentials.key_in_clear && !IsThisMachine(address)) {
      return absl::InvalidArgumentError(
          fmt::format("the key would cross the network to {} in clear: use TLS (--tls, --tls-ca), "
                      "or say --key-in-clear",
                      Quoted(address)));
    }
    return grpc::InsecureChannelCredentials();
  }
  if (credentials.cert_file.empty() != credentials.key_file.empty()) {
    return absl::InvalidArgumentError(
        "a client's certificate and its private key belong together: give both, or none");
  }
  grpc::SslCredentialsOptions options;
  KITH_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem(credentials.ca_file));
  KITH_ASSIGN_OR_RETURN(options.pem_cert_chain, ReadPem(credentials.cert_file));
  KITH_ASSIGN_OR_RETURN(options.pem_private_key, ReadPem(credentials.key_file));
  return grpc::SslCredentials(options);
}

void SendKey(const Credentials& credentials, grpc::ClientContext* context) {
  if (!credentials.key.empty()) context->AddMetadata("authorization", "Bearer " + credentials.key);
}

}  // namespace kith::client
