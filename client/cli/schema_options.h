// The options that describe a collection, shared by the commands that can create one.

#ifndef KITH_CLIENT_CLI_SCHEMA_OPTIONS_H_
#define KITH_CLIENT_CLI_SCHEMA_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "kith/v1/collection_service.pb.h"

namespace kith::cli {

// --splitter, --max-tokens, --overlap-tokens.
struct SplitterFlags {
  std::string kind;  // empty: the server's default
  std::optional<uint32_t> max_tokens;
  std::optional<uint32_t> overlap_tokens;

  void AddTo(CLI::App& app);
  bool given() const { return !kind.empty() || max_tokens || overlap_tokens; }
  // Changes what was given.
  void ApplyTo(v1::SplitterOptions& options) const;
};

// --quantization, --m, --ef-construction.
struct IndexFlags {
  std::string quantization;  // empty: the server's default
  std::optional<uint32_t> m;
  std::optional<uint32_t> ef_construction;

  void AddTo(CLI::App& app);
  bool given() const { return !quantization.empty() || m || ef_construction; }
  // Changes what was given.
  void ApplyTo(v1::IndexOptions& options) const;
};

// --no-text-index, --language, --remove-stop-words, --unindexed: fixed when a collection is made.
struct TextIndexFlags {
  bool off = false;
  std::string language;  // empty: the server's default
  bool remove_stop_words = false;
  std::vector<std::string> unindexed_fields;

  void AddTo(CLI::App& app);
  // Changes what was given.
  void ApplyTo(v1::Collection& collection) const;
};

// --dimension, --metric, --encoder, --encoder-dimensions, --description, --durability,
// --expected-passages, the splitter's and the indexes'.
struct SchemaFlags {
  std::optional<uint32_t> dimension;
  std::string metric;
  std::string encoder;
  std::optional<uint32_t> encoder_dimensions;
  std::string description;
  std::string durability;
  std::optional<uint64_t> expected_passages;
  SplitterFlags splitter;
  IndexFlags index;
  TextIndexFlags text_index;

  void AddTo(CLI::App& app);
  // Asks the server for its default encoder if the flags need to name it (a metric or index options
  // without encoder and dimension).
  absl::StatusOr<v1::CreateCollectionRequest> Request(client::Client& client,
                                                      const std::string& name) const;
};

// --durability alone.
void AddDurabilityFlag(CLI::App& app, std::string& durability);
// DURABILITY_UNSPECIFIED for an empty word.
v1::Durability DurabilityOf(const std::string& word);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_SCHEMA_OPTIONS_H_
