// Reading a retrieval test set as BEIR lays it out: corpus.jsonl (read by DocumentOfJsonLine),
// queries.jsonl and qrels.tsv.

#ifndef KITH_CLIENT_CLI_EVAL_BEIR_H_
#define KITH_CLIENT_CLI_EVAL_BEIR_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/eval/metrics.h"

namespace kith::cli {

struct EvalQuery {
  std::string id;
  std::string text;
};

// Lines {"_id": "...", "text": "..."}; other members are left aside. INVALID_ARGUMENT names file
// and line.
absl::StatusOr<std::vector<EvalQuery>> ReadQueries(const std::string& path);

// A line "query-id corpus-id score" of that very heading, then tab-separated triples, score an
// integer.
absl::StatusOr<std::map<std::string, Grades>> ReadJudgements(const std::string& path);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_EVAL_BEIR_H_
