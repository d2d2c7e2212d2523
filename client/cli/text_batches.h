// Texts for the encoder, in batches: one from the command line, or a file's lines.

#ifndef KITH_CLIENT_CLI_TEXT_BATCHES_H_
#define KITH_CLIENT_CLI_TEXT_BATCHES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

namespace kith::cli {

// TEXT or --file FILE.
struct TextSource {
  std::string text;
  std::string file;
  CLI::Option* text_option = nullptr;

  void AddTo(CLI::App& app);
};

// Calls `take` with the texts in order, 1..128 and about a megabyte at a time. An error that names
// a text of the batch ("texts[3]") gets the file's line put before it.
absl::Status ForEachBatch(
    const TextSource& source,
    const std::function<absl::Status(const std::vector<std::string>& texts)>& take);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_TEXT_BATCHES_H_
