// Measures of a ranking against judgements, as the information-retrieval literature defines them.

#ifndef KITH_CLIENT_CLI_EVAL_METRICS_H_
#define KITH_CLIENT_CLI_EVAL_METRICS_H_

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace kith::cli {

// The judgements of one query: document -> grade. A document that is not listed has grade 0; a
// grade above 0 means relevant.
using Grades = std::map<std::string, int>;

bool HasRelevant(const Grades& grades);

// DCG of the first k over the DCG of the best possible order of all judged documents; the gain of
// grade g is 2^g - 1, discounted by log2(rank + 1). 0 without relevant documents.
double NdcgAt(size_t k, std::span<const std::string> ranking, const Grades& grades);

// Share of the relevant documents among the first k. 0 without relevant documents.
double RecallAt(size_t k, std::span<const std::string> ranking, const Grades& grades);

// 1 / rank of the first relevant document if it is among the first k, else 0.
double ReciprocalRankAt(size_t k, std::span<const std::string> ranking, const Grades& grades);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_EVAL_METRICS_H_
