// TLS for the public port: TLS 1.2 and 1.3 with AEAD ciphers (gRPC's own choice), the certificates
// of security::TlsFiles, and a look at them for every connection that comes, so that a reload holds
// from the next handshake on.

#ifndef KITH_SERVER_RPC_TLS_CREDENTIALS_H_
#define KITH_SERVER_RPC_TLS_CREDENTIALS_H_

#include <memory>

#include "grpcpp/security/server_credentials.h"
#include "server/security/tls_files.h"

namespace kith::rpc {

// For one server. `files` must outlive it. If they have client authorities, a client without a
// certificate of theirs is refused in the handshake.
std::shared_ptr<grpc::ServerCredentials> ServerTls(const security::TlsFiles* files);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_TLS_CREDENTIALS_H_
