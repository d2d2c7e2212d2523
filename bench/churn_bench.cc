// churn_bench: does an index wear out? Half of the rows are deleted and inserted again in random
// order, round after round, sealed and merged by the server's own policy, and compared with an
// index that was built fresh from the same rows: recall@10 at the same ef and at the same target,
// rows kept, and memory. The peers' graphs decay here: they mark deletes and never repair.
//
//   churn_bench --n 50000 --dim 128 --rounds 10

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "index/index_writer.h"
#include "index/search.h"
#include "index/segment_build.h"
#include "kith/base/call.h"
#include "kith/base/status_macros.h"
#include "server/engine/indexing/merge_policy.h"

namespace kith {
namespace {

using engine::BuildPlan;
using engine::SegmentFacts;
using index::IndexView;
using index::SegmentView;

struct Flags {
  uint32_t n = 50'000;
  uint32_t dimension = 128;
  uint32_t rounds = 10;
  uint32_t queries = 500;
  uint32_t ef = 64;
  uint64_t seed = 1;
  uint32_t threads = 1;
  std::string codes = "int4";
  std::string builder = "hnswlib";
  bool json = false;
};

index::CodeKind CodeKindOf(const std::string& name) {
  index::CodeKind kind = index::CodeKind::kInt4;
  for (uint32_t number = 1; const auto known = index::ToCodeKind(number); ++number) {
    if (index::CodeKindName(*known) == name) kind = *known;
  }
  return kind;
}

using Rows = std::vector<std::vector<float>>;

// Unit vectors around a thousand centres.
Rows Clustered(size_t count, uint32_t dimension, uint64_t seed, uint64_t stream) {
  std::mt19937_64 centre_random(seed), random(seed * 31 + stream);
  std::normal_distribution<float> normal;
  Rows centres(1000, std::vector<float>(dimension));
  for (auto& centre : centres) {
    for (float& value : centre) value = normal(centre_random);
  }
  Rows rows(count, std::vector<float>(dimension));
  for (auto& row : rows) {
    const auto& centre = centres[random() % centres.size()];
    for (uint32_t d = 0; d < dimension; ++d) row[d] = centre[d] + 0.6f * normal(random);
  }
  return rows;
}

// An index with its files, worked on in the foreground as the server does in the background.
class Index {
 public:
  Index(const Flags& flags, std::filesystem::path folder)
      : flags_(flags), folder_(std::move(folder)) {
    options_.dimension = flags.dimension;
    std::filesystem::create_directories(folder_);
  }

  absl::Status Open() {
    KITH_ASSIGN_OR_RETURN(writer_, index::IndexWriter::Create(options_));
    return absl::OkStatus();
  }

  absl::Status Insert(uint32_t id, const std::vector<float>& row) {
    KITH_RETURN_IF_ERROR(writer_->Reserve(1));
    writer_->Append(next_ordinal_, 0, row);
    if (ordinals_.size() <= id) ordinals_.resize(id + 1);
    ordinals_[id] = next_ordinal_++;
    return absl::OkStatus();
  }

  void Delete(uint32_t id) { writer_->Delete({ordinals_[id], ordinals_[id] + 1}); }

  // Seals and merges until the policy is content, as it is some time after the last write.
  absl::Status Settle() {
    writer_->CloseGrowing();
    while (true) {
      const IndexView view = writer_->Publish();
      std::vector<SegmentFacts> facts;
      for (const SegmentView& segment : view.segments()) facts.push_back(FactsOf(segment));
      engine::PolicyOptions policy;
      policy.settle = true;
      const std::vector<BuildPlan> plans = engine::PlanBuilds(facts, policy);
      if (plans.empty()) return absl::OkStatus();
      KITH_RETURN_IF_ERROR(Build(view, facts, plans.front()));
    }
  }

  IndexView View() { return writer_->Publish(); }

 private:
  static SegmentFacts FactsOf(const SegmentView& segment) {
    SegmentFacts facts;
    const bool sealed = segment.sealed != nullptr;
    facts.kind = sealed ? SegmentFacts::Kind::kSealed : SegmentFacts::Kind::kClosed;
    facts.rows = segment.visible;
    facts.live = segment.live_rows();
    facts.begin = sealed ? segment.sealed->range().begin : segment.first_ordinal();
    facts.end = sealed ? segment.sealed->range().end : segment.last_ordinal() + 1;
    return facts;
  }

  absl::Status Build(const IndexView& view, const std::vector<SegmentFacts>& facts,
                     const BuildPlan& plan) {
    const auto inputs = std::span(view.segments()).subspan(plan.first, plan.count);
    const std::string stem = (folder_ / std::to_string(++files_)).string();
    const index::SegmentPaths paths{stem + ".graph", stem + ".rows"};
    index::SegmentBuildOptions build;
    build.range = {facts[plan.first].begin, facts[plan.first + plan.count - 1].end};
    build.codes = CodeKindOf(flags_.codes);
    build.threads = flags_.threads;
    build.builder =
        flags_.builder == "kith" ? index::GraphBuilder::kKith : index::GraphBuilder::kHnswlib;
    std::ofstream graph(paths.graph, std::ios::binary), rows(paths.rows, std::ios::binary);
    const auto sink = [](std::ofstream& file) {
      return [&file](std::string_view bytes) {
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return file ? absl::OkStatus() : absl::InternalError("a segment's file cannot be written");
      };
    };
    const auto built =
        index::BuildSegment(options_, inputs, build, {sink(graph), sink(rows)}, Call::Background());
    if (!built.ok()) return built.status();
    graph.close();
    rows.close();
    std::shared_ptr<const index::SealedSegment> sealed;
    if (built->rows > 0) {
      KITH_ASSIGN_OR_RETURN(sealed,
                            index::SealedSegment::Open(options_, paths, Call::Background()));
    }
    return writer_->Replace(inputs, std::move(sealed));
  }

  const Flags& flags_;
  const std::filesystem::path folder_;
  index::IndexOptions options_;
  std::unique_ptr<index::IndexWriter> writer_;
  std::vector<uint64_t> ordinals_;  // by id
  uint64_t next_ordinal_ = 0;
  uint64_t files_ = 0;
};

struct Measure {
  double recall_at_ef = 0;
  double recall_at_target = 0;
  uint64_t rows = 0;  // with the deleted ones that are still there
  size_t segments = 0;
  uint64_t memory_bytes = 0;
};

// The share of the exact ten, by score: rows that tie count.
absl::StatusOr<double> RecallOf(const IndexView& view, const Rows& queries,
                                index::SearchParams params) {
  index::SearchScratch scratch;
  size_t found = 0, wanted = 0;
  for (const std::vector<float>& query : queries) {
    params.queries = query;
    index::SearchParams exact = params;
    exact.exact = true;
    KITH_ASSIGN_OR_RETURN(const auto truth, Search(view, exact, Call::Background(), scratch));
    KITH_ASSIGN_OR_RETURN(const auto got, Search(view, params, Call::Background(), scratch));
    wanted += truth.hits.size();
    for (const index::Hit& hit : got.hits) found += hit.score >= truth.hits.back().score;
  }
  return static_cast<double>(found) / static_cast<double>(wanted);
}

absl::StatusOr<Measure> MeasureOf(Index* index, const Flags& flags, const Rows& queries) {
  const IndexView view = index->View();
  Measure measure;
  KITH_ASSIGN_OR_RETURN(measure.recall_at_ef, RecallOf(view, queries, {.k = 10, .ef = flags.ef}));
  KITH_ASSIGN_OR_RETURN(measure.recall_at_target,
                        RecallOf(view, queries, {.k = 10, .target_recall = 0.95}));
  for (const SegmentView& segment : view.segments()) measure.rows += segment.visible;
  measure.segments = view.segments().size();
  measure.memory_bytes = view.memory_bytes();
  return measure;
}

void Print(const Flags& flags, const std::string& name, const Measure& measure) {
  if (flags.json) {
    fmt::print(
        "{{\"index\": \"{}\", \"recall_at_ef\": {:.4f}, \"recall_at_target\": {:.4f}, \"rows\": "
        "{}, "
        "\"segments\": {}, \"memory_bytes\": {}}}\n",
        name, measure.recall_at_ef, measure.recall_at_target, measure.rows, measure.segments,
        measure.memory_bytes);
  } else {
    fmt::print(
        "{:<9} recall@10 {:.4f} at ef {}, {:.4f} at target 0.95; {} rows in {} segments, {:.1f} "
        "MiB\n",
        name, measure.recall_at_ef, flags.ef, measure.recall_at_target, measure.rows,
        measure.segments, static_cast<double>(measure.memory_bytes) / (1 << 20));
  }
  std::fflush(stdout);
}

absl::Status Run(const Flags& flags, const std::filesystem::path& folder) {
  const Rows rows = Clustered(flags.n, flags.dimension, flags.seed, 0);
  const Rows queries = Clustered(flags.queries, flags.dimension, flags.seed, 1);
  std::mt19937_64 random(flags.seed);
  std::vector<uint32_t> ids(flags.n);
  for (uint32_t i = 0; i < flags.n; ++i) ids[i] = i;

  Index churned(flags, folder / "churned");
  KITH_RETURN_IF_ERROR(churned.Open());
  for (const uint32_t id : ids) KITH_RETURN_IF_ERROR(churned.Insert(id, rows[id]));
  KITH_RETURN_IF_ERROR(churned.Settle());
  KITH_ASSIGN_OR_RETURN(Measure measure, MeasureOf(&churned, flags, queries));
  Print(flags, "begin", measure);
  for (uint32_t round = 1; round <= flags.rounds; ++round) {
    std::shuffle(ids.begin(), ids.end(), random);
    const auto half = ids.begin() + flags.n / 2;
    for (auto id = ids.begin(); id != half; ++id) churned.Delete(*id);
    std::shuffle(ids.begin(), half, random);
    for (auto id = ids.begin(); id != half; ++id) {
      KITH_RETURN_IF_ERROR(churned.Insert(*id, rows[*id]));
    }
    KITH_RETURN_IF_ERROR(churned.Settle());
    KITH_ASSIGN_OR_RETURN(measure, MeasureOf(&churned, flags, queries));
    Print(flags, fmt::format("round {}", round), measure);
  }

  Index fresh(flags, folder / "fresh");
  KITH_RETURN_IF_ERROR(fresh.Open());
  for (const uint32_t id : ids) KITH_RETURN_IF_ERROR(fresh.Insert(id, rows[id]));
  KITH_RETURN_IF_ERROR(fresh.Settle());
  KITH_ASSIGN_OR_RETURN(const Measure anew, MeasureOf(&fresh, flags, queries));
  Print(flags, "fresh", anew);
  fmt::print(
      "{}recall {:+.4f} at ef {}, {:+.4f} at target; memory x{:.3f}\n",
      flags.json ? "# " : "churned against fresh: ", measure.recall_at_ef - anew.recall_at_ef,
      flags.ef, measure.recall_at_target - anew.recall_at_target,
      static_cast<double>(measure.memory_bytes) / static_cast<double>(anew.memory_bytes));
  return absl::OkStatus();
}

}  // namespace
}  // namespace kith

int main(int argc, char** argv) {
  kith::Flags flags;
  CLI::App app("Deletes and inserts half of an index again and again", "churn_bench");
  app.add_option("--n", flags.n, "Rows")->check(CLI::Range(100, 10'000'000))->capture_default_str();
  app.add_option("--dim", flags.dimension, "Dimension")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds, "Rounds")->capture_default_str();
  app.add_option("--queries", flags.queries, "Queries")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--ef", flags.ef, "Candidates")
      ->check(CLI::Range(1, 16'384))
      ->capture_default_str();
  app.add_option("--seed", flags.seed, "Of data and order")->capture_default_str();
  app.add_option("--threads", flags.threads, "Of builds")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--codes", flags.codes, "Of rows")
      ->check(CLI::IsMember({"int4", "int8", "f16", "f32"}))
      ->capture_default_str();
  app.add_option("--builder", flags.builder, "Of graphs")
      ->check(CLI::IsMember({"hnswlib", "kith"}))
      ->capture_default_str();
  app.add_flag("--json", flags.json, "Print JSON, one object a line");
  CLI11_PARSE(app, argc, argv);

  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("churn_bench-{}", getpid());
  const absl::Status status = kith::Run(flags, folder);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (status.ok()) return 0;
  std::fprintf(stderr, "churn_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
