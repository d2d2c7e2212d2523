#include "server/rpc/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <atomic>
#include <string>

#include "kith/base/check.h"

namespace kith::rpc {
namespace {

// gRPC's C++ credentials that re-read files (FileWatcherCertificateProvider) give up a certificate
// that works for one that does not; its C credentials ask us, and keep the old if ours were
// refused.
class Credentials final : public grpc::ServerCredentials {
 public:
  explicit Credentials(const security::TlsFiles* files) : files_(files) {
    const bool mutual = !files->paths().client_ca.empty();
    auto* options = grpc_ssl_server_credentials_create_options_using_config_fetcher(
        mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
               : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
        &Credentials::Fetch, this);
    credentials_ = grpc_ssl_server_credentials_create_with_options(options);
    KITH_CHECK(credentials_ != nullptr, "the options are complete");
  }
  ~Credentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    KITH_CHECK(false, "keys are looked at by the guard");
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // Called by gRPC, one call at a time, when it starts and before every handshake.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto* credentials = static_cast<Credentials*>(self);
    const auto material = credentials->files_->material();
    if (credentials->given_ == material->generation + 1) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const grpc_ssl_pem_key_cert_pair pair{material->private_key.c_str(),
                                          material->certificate_chain.c_str()};
    // gRPC insists on authorities, also where no client is asked for a certificate.
    const std::string& authorities =
        material->client_ca.empty() ? material->certificate_chain : material->client_ca;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    credentials->given_ = material->generation + 1;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const security::TlsFiles* const files_;
  grpc_server_credentials* credentials_ = nullptr;
  // Generation that gRPC has, plus one; 0: none yet. Relaxed: gRPC's lock around Fetch publishes
  // it.
  std::atomic<uint64_t> given_{0};
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ServerTls(const security::TlsFiles* files) {
  return std::make_shared<Credentials>(files);
}

}  // namespace kith::rpc
