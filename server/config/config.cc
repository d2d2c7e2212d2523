#include "server/config/config.h"

#include <string>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::config {
namespace {

absl::Status ValidateTls(const security::TlsPaths& tls) {
  if (tls.certificate.empty() != tls.private_key.empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "tls-cert and tls-key belong together: give both, or none");
  }
  if (!tls.client_ca.empty() && tls.certificate.empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "tls-client-ca asks clients for certificates, and without tls-cert and "
                           "tls-key there is no TLS to ask in");
  }
  return absl::OkStatus();
}

absl::Status ValidateExposure(const Config& config) {
  if (config.grpc_address.loopback() || config.insecure) return absl::OkStatus();
  std::string missing;
  if (config.credentials.tls.certificate.empty()) missing = "encryption (tls-cert, tls-key)";
  if (config.credentials.keys.empty()) {
    missing += missing.empty() ? "keys (keys-file)" : " and keys (keys-file)";
  }
  if (missing.empty()) return absl::OkStatus();
  return InvalidArgument(reason::kInvalidRequest,
                         "grpc-address {} can be reached from other machines, and this server has "
                         "no {}. Give them, or listen on 127.0.0.1, or give --insecure if "
                         "everybody on that network may read and write everything",
                         config.grpc_address.ToString(), missing);
}

}  // namespace

absl::Status Validate(const Config& config) {
  KITH_RETURN_IF_ERROR(ValidateTls(config.credentials.tls));
  KITH_RETURN_IF_ERROR(ValidateExposure(config));
  for (const auto& [name, timeout] : {std::pair("handshake-timeout", config.handshake_timeout),
                                      std::pair("idle-timeout", config.idle_timeout),
                                      std::pair("stall-timeout", config.stall_timeout)}) {
    if (timeout < absl::Milliseconds(100) || timeout > absl::Hours(24)) {
      return InvalidArgument(reason::kInvalidRequest, "{} is {}: 100ms to 24h are possible", name,
                             absl::FormatDuration(timeout));
    }
  }
  if (config.no_encoder && !config.model_dir.empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "no-encoder and model-dir {} contradict each other: give one of them",
                           Quoted(config.model_dir));
  }
  if (!config.load_models.empty() && config.models_dir.empty()) {
    return InvalidArgument(reason::kInvalidRequest,
                           "load-models names {} models, but there is no models-dir to load them "
                           "from: give it",
                           config.load_models.size());
  }
  if (config.limits.text_bytes > config.limits.message_bytes) {
    return InvalidArgument(
        reason::kInvalidRequest,
        "max-text ({} bytes) is larger than max-message ({} bytes): a text travels in "
        "a message",
        config.limits.text_bytes, config.limits.message_bytes);
  }
  return absl::OkStatus();
}

}  // namespace kith::config
