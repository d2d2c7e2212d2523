// kith eval

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/document_file.h"
#include "client/cli/eval/beir.h"
#include "client/cli/eval/metrics.h"
#include "client/cli/exit_code.h"
#include "client/cli/failure.h"
#include "client/cli/ingest_session.h"
#include "client/cli/json.h"
#include "client/cli/line_reader.h"
#include "client/cli/progress.h"
#include "client/cli/schema_options.h"
#include "client/cli/search_options.h"
#include "client/cli/text_layout.h"
#include "client/cli/tuning_options.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct EvalFlags {
  std::string collection;
  std::string corpus;
  std::string queries;
  std::string judgements;
  int32_t limit = 100;
  bool keep = false;
  std::string mode_name = "dense";
  ModeFlags mode;
  TuningFlags tuning;
  SchemaFlags schema;
};

struct Loaded {
  IngestSummary summary;
  double seconds = 0;
};

struct Quality {
  size_t queries = 0;
  double ndcg = 0;
  double recall = 0;
  double reciprocal_rank = 0;
  double seconds = 0;
  std::vector<double> latencies_ms;  // sorted
};

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

absl::StatusOr<Loaded> Load(client::Client& client, const EvalFlags& flags) {
  KITH_ASSIGN_OR_RETURN(auto lines, LineReader::Open(flags.corpus));
  Progress progress("load", "documents", 0);
  const auto refused = [&](uint64_t line, const std::string& id, const absl::Status& why) {
    progress.Clear();
    const std::string text =
        fmt::format("{}:{}: document {} not taken: {}\n", Printable(flags.corpus), line,
                    Printable(id), BriefFailure(why));
    std::fputs(text.c_str(), stderr);
    return absl::OkStatus();
  };
  KITH_ASSIGN_OR_RETURN(auto session, IngestSession::Open(client, flags.collection, refused));
  for (std::string_view line; lines->Next(line);) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    auto document =
        lines->too_long() ? UsageError("the line is too long") : DocumentOfJsonLine(line);
    if (!document.ok()) {
      return UsageError("{}:{}: {}", flags.corpus, lines->number(),
                        std::string(document.status().message()));
    }
    KITH_RETURN_IF_ERROR(session->Add(*std::move(document), lines->number()));
    progress.Update(0, session->accepted());
  }
  KITH_RETURN_IF_ERROR(lines->status());
  KITH_ASSIGN_OR_RETURN(const IngestSummary summary, session->Finish());
  return Loaded{summary, progress.seconds()};
}

absl::StatusOr<std::vector<std::string>> Rank(client::Client& client, const EvalFlags& flags,
                                              const std::string& question) {
  v1::SearchRequest request;
  request.set_collection(flags.collection);
  KITH_RETURN_IF_ERROR(flags.mode.Ask(question, *request.mutable_query()));
  request.set_limit(flags.limit);
  request.set_group_by(v1::GROUP_BY_DOCUMENT);
  request.set_passages_per_group(1);
  request.mutable_select();  // nothing: ids are enough
  if (flags.tuning.given()) flags.tuning.ApplyTo(*request.mutable_tuning());
  KITH_ASSIGN_OR_RETURN(const auto response, client.Search(request));
  std::vector<std::string> ranking;
  for (const v1::SearchHit& hit : response.hits()) ranking.push_back(hit.document_id());
  return ranking;
}

absl::StatusOr<Quality> Measure(client::Client& client, const EvalFlags& flags,
                                const std::vector<EvalQuery>& queries,
                                const std::map<std::string, Grades>& judgements) {
  Quality quality;
  Progress progress("search", "queries", queries.size());
  const auto start = std::chrono::steady_clock::now();
  for (const EvalQuery& query : queries) {
    const auto judged = judgements.find(query.id);
    if (judged == judgements.end() || !HasRelevant(judged->second)) continue;
    const auto asked = std::chrono::steady_clock::now();
    auto ranking = Rank(client, flags, query.text);
    if (!ranking.ok()) return ranking.status();
    quality.latencies_ms.push_back(1e3 * SecondsSince(asked));
    ++quality.queries;
    quality.ndcg += NdcgAt(10, *ranking, judged->second);
    quality.recall += RecallAt(static_cast<size_t>(flags.limit), *ranking, judged->second);
    quality.reciprocal_rank += ReciprocalRankAt(10, *ranking, judged->second);
    progress.Update(quality.queries, quality.queries);
  }
  quality.seconds = SecondsSince(start);
  if (quality.queries == 0) {
    return UsageError("{} has no query with a relevant document in {}", flags.queries,
                      flags.judgements);
  }
  const auto count = static_cast<double>(quality.queries);
  quality.ndcg /= count;
  quality.recall /= count;
  quality.reciprocal_rank /= count;
  std::sort(quality.latencies_ms.begin(), quality.latencies_ms.end());
  return quality;
}

// Nearest rank.
double Percentile(const std::vector<double>& sorted, double share) {
  const auto index = static_cast<size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(index, sorted.size() - 1)];
}

void Report(Context& context, const EvalFlags& flags, const Loaded& loaded,
            const Quality& quality) {
  const double load_rate = static_cast<double>(loaded.summary.accepted) / loaded.seconds;
  const double query_rate = static_cast<double>(quality.queries) / quality.seconds;
  const std::string recall = fmt::format("recall@{}", flags.limit);
  const double p50 = Percentile(quality.latencies_ms, 0.5);
  const double p99 = Percentile(quality.latencies_ms, 0.99);
  if (context.json) {
    return context.out.Object({{"collection", flags.collection},
                               {"mode", flags.mode_name},
                               {"documents", loaded.summary.accepted},
                               {"passages", loaded.summary.passages},
                               {"refused_documents", loaded.summary.refused},
                               {"queries", quality.queries},
                               {"ndcg@10", quality.ndcg},
                               {recall, quality.recall},
                               {"mrr@10", quality.reciprocal_rank},
                               {"load_seconds", loaded.seconds},
                               {"documents_per_second", load_rate},
                               {"queries_per_second", query_rate},
                               {"query_ms_p50", p50},
                               {"query_ms_p99", p99}});
  }
  Output& out = context.out;
  out.Line(fmt::format("{:<12} {} ({} passages; {} not taken)", "documents",
                       Grouped(loaded.summary.accepted), Grouped(loaded.summary.passages),
                       Grouped(loaded.summary.refused)));
  out.Line(fmt::format("{:<12} {}, {}", "queries", Grouped(quality.queries), flags.mode_name));
  out.Line(fmt::format("{:<12} {:.4f}", "ndcg@10", quality.ndcg));
  out.Line(fmt::format("{:<12} {:.4f}", recall, quality.recall));
  out.Line(fmt::format("{:<12} {:.4f}", "mrr@10", quality.reciprocal_rank));
  out.Line(fmt::format("{:<12} {:.1f} documents/s", "loading", load_rate));
  out.Line(fmt::format("{:<12} {:.1f} queries/s one at a time, p50 {:.1f} ms, p99 {:.1f} ms",
                       "asking", query_rate, p50, p99));
}

absl::Status LoadAndMeasure(Context& context, client::Client& client, const EvalFlags& flags) {
  KITH_ASSIGN_OR_RETURN(const auto queries, ReadQueries(flags.queries));
  KITH_ASSIGN_OR_RETURN(const auto judgements, ReadJudgements(flags.judgements));
  KITH_ASSIGN_OR_RETURN(const Loaded loaded, Load(client, flags));
  KITH_ASSIGN_OR_RETURN(const Quality quality, Measure(client, flags, queries, judgements));
  Report(context, flags, loaded, quality);
  return absl::OkStatus();
}

absl::Status Eval(Context& context, const EvalFlags& flags) {
  v1::Query unused;  // wrong usage is said before anything is loaded
  KITH_RETURN_IF_ERROR(flags.mode.Ask("a question", unused));
  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto request, flags.schema.Request(*client, flags.collection));
  absl::Status created = client->CreateCollection(request).status();
  if (absl::IsAlreadyExists(created) && flags.keep) created = absl::OkStatus();
  KITH_RETURN_IF_ERROR(created);

  const absl::Status status = LoadAndMeasure(context, *client, flags);
  if (flags.keep) return status;
  v1::DeleteCollectionRequest remove;
  remove.set_name(flags.collection);
  const absl::Status removed = client->DeleteCollection(remove).status();
  return status.ok() ? removed : status;
}

}  // namespace

void AddEvalCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* command = AddCommand(
      app, context, "eval", "Measure how well documents are found, on a test set in BEIR's layout",
      "  kith eval scratch --corpus corpus.jsonl --queries queries.jsonl --qrels qrels.tsv\n"
      "\n"
      "Loads the corpus ({\"_id\", \"title\", \"text\"} a line; the title becomes the text's "
      "heading),\n"
      "asks every query that has a relevant document, ranks documents by their best passage, and\n"
      "averages over the queries: ndcg@10 (gain 2^grade - 1, log2 discount, ideal over all "
      "judged),\n"
      "recall@LIMIT and mrr@10. The collection is created, and deleted afterwards; with --keep it "
      "is\n"
      "left there, and may be there already.\n",
      [&context, flags] {
        if (flags->mode_name == "lexical") flags->mode.mode = SearchMode::kLexical;
        if (flags->mode_name == "hybrid") flags->mode.mode = SearchMode::kHybrid;
        return Eval(context, *flags);
      });
  command->add_option("collection", flags->collection, "A collection for the test set")
      ->type_name("COLLECTION")
      ->required();
  command->add_option("--corpus", flags->corpus, "Documents: JSON lines")
      ->type_name("FILE")
      ->required();
  command->add_option("--queries", flags->queries, "Questions: JSON lines {\"_id\", \"text\"}")
      ->type_name("FILE")
      ->required();
  command->add_option("--qrels", flags->judgements, "Judgements: query-id, corpus-id, score (tabs)")
      ->type_name("FILE")
      ->required();
  command->add_option("--limit", flags->limit, "Documents ranked a query")
      ->type_name("N")
      ->check(CLI::Range(10, 10000))
      ->capture_default_str();
  command->add_flag("--keep", flags->keep, "Leave the collection there");
  command->add_option("--mode", flags->mode_name, "By what questions ask: meaning, words, or both")
      ->check(CLI::IsMember({"dense", "lexical", "hybrid"}))
      ->capture_default_str();
  flags->mode.AddFusionTo(*command);
  flags->tuning.AddTo(*command);
  flags->schema.AddTo(*command);
}

}  // namespace kith::cli
