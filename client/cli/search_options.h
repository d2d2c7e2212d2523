// The options of `kith search`, and the request that they make: who asks (a text, its words, both,
// a vector, examples), of which documents, and in what form the hits come.

#ifndef KITH_CLIENT_CLI_SEARCH_OPTIONS_H_
#define KITH_CLIENT_CLI_SEARCH_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/tuning_options.h"
#include "kith/v1/search_service.pb.h"

namespace kith::cli {

// By what a text asks.
enum class SearchMode { kDense, kLexical, kHybrid };

// How a text asks, shared with `kith eval`.
struct ModeFlags {
  SearchMode mode = SearchMode::kDense;
  std::string fusion = {};           // "rrf", "weighted"; empty: the server's choice
  std::vector<double> weights = {};  // of meaning and of words
  std::optional<double> rrf_k = {};
  std::string normalisation = {};
  int32_t candidates = 0;
  std::optional<bool> fill_in = {};

  // What belongs to the mode "hybrid" alone.
  void AddFusionTo(CLI::App& app);
  // A usage error if fusion was spoken of and the mode is another.
  absl::Status Ask(const std::string& text, v1::Query& query) const;

 private:
  absl::Status Fuse(v1::HybridQuery& hybrid) const;
};

struct SearchFlags {
  std::string collection;
  std::string text;
  bool lexical = false;
  bool hybrid = false;
  ModeFlags mode;
  std::vector<std::string> like;
  std::vector<std::string> unlike;
  bool best_score = false;
  std::string vector_file;
  std::string filter;
  int32_t limit = 10;
  int32_t offset = 0;
  std::string group_by = "passage";
  std::string group_field;
  int32_t passages = 3;
  std::optional<double> diversify;
  int32_t pool = 0;
  std::optional<float> score_min;
  std::optional<std::string> rerank;  // the model
  int32_t rerank_depth = 0;
  bool explain = false;
  TuningFlags tuning;
  std::vector<std::string> fields;
  bool vectors = false;
  size_t lines = 3;
  CLI::Option* text_option = nullptr;

  void AddTo(CLI::App& app);
  absl::StatusOr<v1::SearchRequest> Request() const;

 private:
  absl::Status SetQuery(v1::Query& query) const;
  void SetShape(v1::SearchRequest& request) const;
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_SEARCH_OPTIONS_H_
