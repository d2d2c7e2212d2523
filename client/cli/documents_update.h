// kith documents update: other metadata for documents that stay as they are.

#ifndef KITH_CLIENT_CLI_DOCUMENTS_UPDATE_H_
#define KITH_CLIENT_CLI_DOCUMENTS_UPDATE_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "client/cli/context.h"
#include "kith/v1/document_service.pb.h"

namespace kith::cli {

struct UpdateFlags {
  std::string collection;
  std::vector<std::string> ids;
  std::vector<std::string> set;
  std::vector<std::string> remove;
  bool replace = false;
  std::string if_match;

  void AddTo(CLI::App& app);
  absl::StatusOr<v1::UpdateMetadataRequest> Request() const;
};

void AddDocumentsUpdateCommand(CLI::App& group, Context& context);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_DOCUMENTS_UPDATE_H_
