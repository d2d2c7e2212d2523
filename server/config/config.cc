#include "server/config/config.h"

#include "kith/base/error.h"

namespace kith::config {

absl::Status Validate(const Config& config) {
  if (!config.grpc_address.loopback() && !config.insecure) {
    return InvalidArgument(reason::kInvalidRequest,
                           "grpc-address {} can be reached from other machines, and this server "
                           "has neither encryption nor "
                           "passwords: anybody who reaches it reads and writes everything. Listen "
                           "on 127.0.0.1, or give "
                           "--insecure if the network around it is trusted",
                           config.grpc_address.ToString());
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
