// kith bench

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/bench/background_ingest.h"
#include "client/cli/bench/load.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/json.h"
#include "client/cli/line_reader.h"
#include "client/cli/text_layout.h"
#include "client/cli/tuning_options.h"
#include "client/cli/vecs_file.h"
#include "client/cpp/vector.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct BenchFlags {
  std::string collection;
  std::string queries;
  std::string truth;
  std::vector<int> concurrency = {1, 4, 16, 64};
  double seconds = 10;
  int32_t limit = 10;
  TuningFlags tuning;
  bool ids_only = false;
  std::vector<std::string> while_ingesting;
  double ingest_rate = 0;
};

// What is asked, and what the answers should be.
struct Questions {
  std::vector<std::string> requests;        // serialised SearchRequests
  std::vector<std::vector<int32_t>> truth;  // one a request, or none at all
};

absl::StatusOr<std::vector<v1::Query>> ReadQueries(const std::string& path) {
  std::vector<v1::Query> queries;
  if (path.ends_with(".fvecs")) {
    KITH_ASSIGN_OR_RETURN(const auto rows, ReadFvecs(path));
    for (const std::vector<float>& row : rows) {
      *queries.emplace_back().mutable_vector() = client::PackVector(row);
    }
    return queries;
  }
  KITH_ASSIGN_OR_RETURN(const auto lines, LineReader::Open(path));
  for (std::string_view line; lines->Next(line);) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (!IsUtf8(line)) return UsageError("{}:{}: not UTF-8", path, lines->number());
    queries.emplace_back().set_text(std::string(line));
  }
  KITH_RETURN_IF_ERROR(lines->status());
  if (queries.empty()) return UsageError("{}: holds no question", path);
  return queries;
}

absl::StatusOr<Questions> Prepare(const BenchFlags& flags) {
  Questions questions;
  KITH_ASSIGN_OR_RETURN(const std::vector<v1::Query> queries, ReadQueries(flags.queries));
  for (const v1::Query& query : queries) {
    v1::SearchRequest request;
    request.set_collection(flags.collection);
    *request.mutable_query() = query;
    request.set_limit(flags.limit);
    if (flags.tuning.given()) flags.tuning.ApplyTo(*request.mutable_tuning());
    if (flags.ids_only) request.mutable_select();
    questions.requests.push_back(request.SerializeAsString());
  }
  if (flags.truth.empty()) return questions;
  KITH_ASSIGN_OR_RETURN(questions.truth, ReadIvecs(flags.truth));
  if (questions.truth.size() < queries.size()) {
    return UsageError("{} has {} rows, and {} has {} queries", flags.truth, questions.truth.size(),
                      flags.queries, queries.size());
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    if (questions.truth[i].size() < static_cast<size_t>(flags.limit)) {
      return UsageError("{}: row {} names {} neighbours, and --limit is {}", flags.truth, i,
                        questions.truth[i].size(), flags.limit);
    }
  }
  return questions;
}

// How many of the true neighbours the answers hold; every question counts once, by its last answer.
class Recall {
 public:
  explicit Recall(const Questions& questions, int32_t limit)
      : questions_(questions),
        limit_(static_cast<size_t>(limit)),
        found_(questions.truth.size(), -1) {}

  void Take(size_t index, const v1::SearchResponse& answer) {
    if (questions_.truth.empty()) return;
    const auto begin = questions_.truth[index].begin();
    int found = 0;
    for (const v1::SearchHit& hit : answer.hits()) {
      // Ids are the rows' numbers, as `kith ingest` of an .fvecs file gives them.
      found += std::any_of(begin, begin + static_cast<ptrdiff_t>(limit_), [&](int32_t neighbour) {
        return hit.document_id() == std::to_string(neighbour);
      });
    }
    found_[index] = found;
  }

  std::optional<double> value() const {
    size_t asked = 0, found = 0;
    for (const int one : found_) {
      if (one < 0) continue;
      ++asked;
      found += static_cast<size_t>(one);
    }
    if (asked == 0) return std::nullopt;
    return static_cast<double>(found) / static_cast<double>(asked * limit_);
  }

 private:
  const Questions& questions_;
  const size_t limit_;
  std::vector<int> found_;  // -1: not asked
};

struct Level {
  int concurrency = 0;
  LoadResult load;
  std::optional<double> recall;
  std::optional<double> ingested_per_second;
};

Json ToJson(const Level& level) {
  Json json = {{"concurrency", level.concurrency},
               {"qps", level.load.qps()},
               {"p50_ms", level.load.Percentile(0.5)},
               {"p95_ms", level.load.Percentile(0.95)},
               {"p99_ms", level.load.Percentile(0.99)},
               {"calls", level.load.calls},
               {"failed", level.load.failed}};
  if (level.recall) json["recall"] = *level.recall;
  if (level.ingested_per_second) json["ingested_per_second"] = *level.ingested_per_second;
  return json;
}

std::vector<std::string> ToRow(const Level& level) {
  std::vector<std::string> row = {std::to_string(level.concurrency),
                                  fmt::format("{:.0f}", level.load.qps()),
                                  fmt::format("{:.2f}", level.load.Percentile(0.5)),
                                  fmt::format("{:.2f}", level.load.Percentile(0.95)),
                                  fmt::format("{:.2f}", level.load.Percentile(0.99)),
                                  std::to_string(level.load.failed)};
  if (level.recall) row.push_back(fmt::format("{:.4f}", *level.recall));
  if (level.ingested_per_second) row.push_back(fmt::format("{:.0f}", *level.ingested_per_second));
  return row;
}

std::vector<std::string> Heading(const Level& level) {
  std::vector<std::string> row = {"CONNECTIONS", "QPS", "P50 MS", "P95 MS", "P99 MS", "FAILED"};
  if (level.recall) row.push_back("RECALL");
  if (level.ingested_per_second) row.push_back("INGESTED/S");
  return row;
}

absl::StatusOr<Level> Measure(const Context& context, const BenchFlags& flags,
                              const Questions& questions, int concurrency,
                              const BackgroundIngest* ingest) {
  LoadOptions options;
  options.address = context.server;
  options.method = "/kith.v1.SearchService/Search";
  if (context.timeout_seconds > 0) options.call_timeout = absl::Seconds(context.timeout_seconds);
  v1::SearchResponse answer;
  Recall recall(questions, flags.limit);
  const uint64_t ingested = ingest != nullptr ? ingest->accepted() : 0;
  const auto begin = std::chrono::steady_clock::now();
  Level level;
  level.concurrency = concurrency;
  KITH_ASSIGN_OR_RETURN(
      level.load, Load(options).Run(concurrency, absl::Seconds(flags.seconds), questions.requests,
                                    &answer, [&](size_t index) { recall.Take(index, answer); }));
  if (ingest != nullptr) {
    KITH_RETURN_IF_ERROR(ingest->status());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    level.ingested_per_second = static_cast<double>(ingest->accepted() - ingested) / took.count();
  }
  level.recall = recall.value();
  return level;
}

absl::Status Bench(Context& context, const BenchFlags& flags) {
  KITH_ASSIGN_OR_RETURN(const Questions questions, Prepare(flags));
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  // One question in the ordinary way: what is wrong is told as ever.
  v1::SearchRequest first;
  first.ParseFromString(questions.requests.front());
  KITH_RETURN_IF_ERROR(client->Search(first).status());

  std::unique_ptr<BackgroundIngest> ingest;
  if (!flags.while_ingesting.empty()) {
    KITH_ASSIGN_OR_RETURN(SourceFiles found, FindSourceFiles(flags.while_ingesting));
    ingest = std::make_unique<BackgroundIngest>(*client, flags.collection, std::move(found),
                                                flags.ingest_rate);
  }
  std::vector<std::vector<std::string>> rows;
  uint64_t failed = 0;
  absl::Status failure;
  for (const int concurrency : flags.concurrency) {
    KITH_ASSIGN_OR_RETURN(const Level level,
                          Measure(context, flags, questions, concurrency, ingest.get()));
    failed += level.load.failed;
    if (failure.ok()) failure = level.load.first_failure;
    if (context.json) {
      context.out.Object(ToJson(level));
      KITH_RETURN_IF_ERROR(context.out.Flush());  // a long run shows how far it is
    } else {
      if (rows.empty()) rows.push_back(Heading(level));
      rows.push_back(ToRow(level));
    }
  }
  if (!context.json) context.out.Text(Table(rows));
  if (failed == 0) return absl::OkStatus();
  return absl::Status(failure.code(), fmt::format("{} calls failed; the first: {}", Grouped(failed),
                                                  BriefFailure(failure)));
}

}  // namespace

void AddBenchCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = AddCommand(
      app, context, "bench", "Measure how fast searches are answered",
      "  kith ingest images base.fvecs --create --dimension 384\n"
      "  kith bench images --queries queries.fvecs --truth truth.ivecs --concurrency 1,16\n"
      "  kith bench articles --queries questions.txt --while-ingesting more/ --ingest-rate 1000\n"
      "\n"
      "Every connection asks its next question when the last one is answered; the first second is\n"
      "not counted. Connections come and go with each number of --concurrency.\n"
      "Queries: an .fvecs file of vectors, or a text file with a question a line.\n"
      "Truth: an .ivecs file, the numbers of the nearest rows of the .fvecs file that was "
      "ingested\n"
      "(their ids), nearest first, for each query in order.\n",
      [&context, flags] { return Bench(context, *flags); });
  command->add_option("collection", flags->collection, "The collection")
      ->type_name("COLLECTION")
      ->required();
  command->add_option("--queries", flags->queries, "What is asked, in turn")
      ->type_name("FILE")
      ->required();
  command->add_option("--truth", flags->truth, "The right answers, to measure recall")
      ->type_name("FILE");
  command->add_option("--concurrency", flags->concurrency, "Connections, one number a measurement")
      ->type_name("N,...")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--seconds", flags->seconds, "Length of each measurement")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  command->add_option("--limit", flags->limit, "Hits asked for")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  flags->tuning.AddTo(*command);
  command->add_flag("--ids-only", flags->ids_only, "Ask for no text and no metadata");
  auto* ingest = command
                     ->add_option("--while-ingesting", flags->while_ingesting,
                                  "Load these files meanwhile, over and over")
                     ->type_name("PATH");
  command->add_option("--ingest-rate", flags->ingest_rate, "Documents a second (default: no bound)")
      ->type_name("N")
      ->check(CLI::Range(0.001, 1e9))
      ->needs(ingest);
}

}  // namespace kith::cli
