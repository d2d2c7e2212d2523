#include "client/cli/eval/beir.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "client/cli/document_file.h"
#include "client/cli/exit_code.h"
#include "client/cli/line_reader.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

// Grades beyond this have gains (2^g) that no judgement means.
constexpr int kMaxGrade = 30;

// Calls `take` with every line that is not blank; an error it returns gets file and line put before
// it.
template <typename Take>
absl::Status ForEachLine(const std::string& path, Take take) {
  KITH_ASSIGN_OR_RETURN(auto lines, LineReader::Open(path));
  for (std::string_view line; lines->Next(line);) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    const absl::Status status = lines->too_long() ? UsageError("the line is too long") : take(line);
    if (!status.ok()) {
      return UsageError("{}:{}: {}", path, lines->number(), std::string(status.message()));
    }
  }
  return lines->status();
}

// Splits at the first tab; the rest stays in `line`.
std::string_view TakeColumn(std::string_view& line) {
  const std::string_view column = line.substr(0, line.find('\t'));
  line.remove_prefix(std::min(column.size() + 1, line.size()));
  return column;
}

}  // namespace

absl::StatusOr<std::vector<EvalQuery>> ReadQueries(const std::string& path) {
  std::vector<EvalQuery> queries;
  std::set<std::string> ids;
  KITH_RETURN_IF_ERROR(ForEachLine(path, [&](std::string_view line) -> absl::Status {
    KITH_ASSIGN_OR_RETURN(auto document, DocumentOfJsonLine(line));
    if (document.id().empty()) return UsageError("\"_id\" is missing");
    if (!ids.insert(document.id()).second) return UsageError("the query's id is there twice");
    queries.push_back({std::move(*document.mutable_id()), std::move(*document.mutable_text())});
    return absl::OkStatus();
  }));
  return queries;
}

absl::StatusOr<std::map<std::string, Grades>> ReadJudgements(const std::string& path) {
  std::map<std::string, Grades> judgements;
  bool heading = true;
  KITH_RETURN_IF_ERROR(ForEachLine(path, [&](std::string_view line) -> absl::Status {
    if (std::exchange(heading, false)) {
      return line == "query-id\tcorpus-id\tscore"
                 ? absl::OkStatus()
                 : UsageError("the first line must be query-id, corpus-id, score, tabs between");
    }
    const std::string query(TakeColumn(line));
    const std::string document(TakeColumn(line));
    int grade = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), grade);
    if (query.empty() || document.empty() || error != std::errc() ||
        end != line.data() + line.size() || grade > kMaxGrade) {
      return UsageError("not a query, a document and a grade of at most {}, tabs between",
                        kMaxGrade);
    }
    judgements[query][document] = grade;
    return absl::OkStatus();
  }));
  return judgements;
}

}  // namespace kith::cli
