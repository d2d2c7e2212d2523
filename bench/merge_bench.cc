// merge_bench: graphs merged beside graphs built anew of the same rows: processor time, and
// recall@10 at the same ef, of 4-bit codes with exact rescoring.
//
//   merge_bench --scenario equal --n 200000 --dim 384
//
// Scenarios: `equal`, parts of one size; `large`, one of three quarters and the rest in equal
// parts; `dead`, as equal with 19 % of the rows dead; `tree`, 64 parts merged by eights, and those
// merged; `grow`, a half that takes in a twentieth ten times; `churn`, ten times 19 % of the rows
// die and as many new ones are merged in.

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/index_data.h"
#include "bench/kith_engine.h"
#include "fmt/format.h"
#include "index/codes/build_codes.h"
#include "index/graph/graph_merger.h"
#include "kith/base/status_macros.h"

namespace kith::bench {
namespace {

using index::BuildCoder;
using index::BuiltGraph;
using index::GraphPart;
using index::HugeMemory;
using index::Metric;

constexpr int kGenerations = 10;
constexpr double kDead = 0.19;

struct Flags {
  std::string scenario = "equal", synthetic = "clustered", metric = "cosine";
  uint32_t n = 200'000, dim = 384, queries = 1000, k = 10, parts = 8, threads = 1, m = 16,
           ef_construction = 200, part_ef_construction = 100;
  uint64_t seed = 1;
  std::vector<uint32_t> ef = {10, 20, 40, 80, 160, 400};
};

double CpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// A graph, and which rows of the data its slots are.
struct Part {
  BuiltGraph built;
  std::vector<uint32_t> ids;
};

class Bench {
 public:
  Bench(const Flags& flags, DataSet data, Metric metric)
      : flags_(flags), data_(std::move(data)), metric_(metric), dead_(data_.base.count()) {}

  absl::Status Run();

 private:
  absl::StatusOr<Part> Build(std::vector<uint32_t> ids, uint32_t ef_construction);
  absl::StatusOr<Part> BuildRange(uint32_t begin, uint32_t end) {
    std::vector<uint32_t> ids;
    for (uint32_t id = begin; id < end; ++id) ids.push_back(id);
    return Build(std::move(ids), flags_.part_ef_construction);
  }
  // Merges what is alive of them; counts the time.
  absl::StatusOr<Part> Merge(const std::vector<const Part*>& parts);
  absl::StatusOr<Part> MergeRanges(uint32_t begin, uint32_t end, uint32_t parts);
  absl::StatusOr<Part> Scenario();
  void Kill(const std::vector<uint32_t>& ids, double share);
  Vectors RowsOf(const std::vector<uint32_t>& ids) const;
  std::vector<double> Recall(const Part& part) const;

  const Flags& flags_;
  const DataSet data_;
  const Metric metric_;
  std::vector<bool> dead_;
  std::mt19937_64 random_{1};
  double merge_seconds_ = 0;
  uint64_t merged_rows_ = 0;
};

Vectors Bench::RowsOf(const std::vector<uint32_t>& ids) const {
  Vectors rows = {data_.base.dimension, {}};
  rows.values.reserve(ids.size() * rows.dimension);
  for (const uint32_t id : ids) {
    rows.values.insert(rows.values.end(), data_.base.row(id), data_.base.row(id) + rows.dimension);
  }
  return rows;
}

absl::StatusOr<Part> Bench::Build(std::vector<uint32_t> ids, uint32_t ef_construction) {
  Part part;
  KITH_ASSIGN_OR_RETURN(part.built, BuildKithGraph(RowsOf(ids), metric_,
                                                   {.m = flags_.m,
                                                    .ef_construction = ef_construction,
                                                    .threads = flags_.threads}));
  part.ids = std::move(ids);
  return part;
}

absl::StatusOr<Part> Bench::Merge(const std::vector<const Part*>& parts) {
  Part merged;
  std::vector<std::vector<uint32_t>> rows_of_slots;
  for (const Part* part : parts) {
    std::vector<uint32_t>& rows = rows_of_slots.emplace_back();
    for (const uint32_t id : part->ids) {
      rows.push_back(dead_[id] ? GraphPart::kDead : static_cast<uint32_t>(merged.ids.size()));
      if (!dead_[id]) merged.ids.push_back(id);
    }
  }
  std::vector<GraphPart> graphs;
  for (size_t i = 0; i < parts.size(); ++i) {
    graphs.push_back({&parts[i]->built.graph, rows_of_slots[i]});
  }
  const Vectors rows = RowsOf(merged.ids);
  const auto count = static_cast<uint32_t>(merged.ids.size());
  const index::GraphOptions options = {
      .m = flags_.m, .ef_construction = flags_.ef_construction, .threads = flags_.threads};
  if (!IsMergeable(count, graphs, options)) return absl::InternalError("not to be merged");
  const double begin = CpuSeconds();
  std::vector<const float*> sample;
  for (uint32_t i = 0; i < count; i += count / 1000 + 1) sample.push_back(rows.row(i));
  const BuildCoder coder(metric_, rows.dimension, sample, index::BestKernels());
  KITH_ASSIGN_OR_RETURN(HugeMemory codes, HugeMemory::Allocate(count * coder.row_bytes()));
  for (size_t row = 0; row < count; ++row) {
    coder.Encode(rows.row(row), codes.data() + row * coder.row_bytes());
  }
  KITH_ASSIGN_OR_RETURN(merged.built, MergeGraphs({&coder, codes.data(), count}, graphs, options,
                                                  ShortPool(options), Call::Background()));
  merge_seconds_ += CpuSeconds() - begin;
  merged_rows_ += count;
  return merged;
}

absl::StatusOr<Part> Bench::MergeRanges(uint32_t begin, uint32_t end, uint32_t count) {
  std::vector<Part> parts;
  std::vector<const Part*> pointers;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t rows = end - begin;
    KITH_ASSIGN_OR_RETURN(Part part,
                          BuildRange(static_cast<uint32_t>(begin + i * rows / count),
                                     static_cast<uint32_t>(begin + (i + 1) * rows / count)));
    parts.push_back(std::move(part));
  }
  if (flags_.scenario == "dead") {
    for (const Part& part : parts) Kill(part.ids, kDead);
  }
  for (const Part& part : parts) pointers.push_back(&part);
  return Merge(pointers);
}

void Bench::Kill(const std::vector<uint32_t>& ids, double share) {
  std::vector<uint32_t> shuffled = ids;
  std::shuffle(shuffled.begin(), shuffled.end(), random_);
  shuffled.resize(static_cast<size_t>(share * static_cast<double>(ids.size())));
  for (const uint32_t id : shuffled) dead_[id] = true;
}

absl::StatusOr<Part> Bench::Scenario() {
  const uint32_t n = flags_.n;
  if (flags_.scenario == "large") {
    const uint32_t large = n / 4 * 3;
    std::vector<Part> parts;
    KITH_ASSIGN_OR_RETURN(parts.emplace_back(), BuildRange(0, large));
    for (uint64_t i = 0; i + 1 < flags_.parts; ++i) {
      const auto at = [&](uint64_t part) {
        return large + static_cast<uint32_t>(part * (n - large) / (flags_.parts - 1));
      };
      KITH_ASSIGN_OR_RETURN(parts.emplace_back(), BuildRange(at(i), at(i + 1)));
    }
    std::vector<const Part*> pointers;
    for (const Part& part : parts) pointers.push_back(&part);
    return Merge(pointers);
  }
  if (flags_.scenario == "tree") {
    std::vector<Part> parts;
    for (uint64_t i = 0; i < 8; ++i) {
      KITH_ASSIGN_OR_RETURN(
          parts.emplace_back(),
          MergeRanges(static_cast<uint32_t>(i * n / 8), static_cast<uint32_t>((i + 1) * n / 8), 8));
    }
    std::vector<const Part*> pointers;
    for (const Part& part : parts) pointers.push_back(&part);
    merge_seconds_ = 0, merged_rows_ = 0;
    return Merge(pointers);
  }
  if (flags_.scenario == "grow" || flags_.scenario == "churn") {
    const bool churn = flags_.scenario == "churn";
    const uint32_t first = churn ? n : n / 2;
    KITH_ASSIGN_OR_RETURN(Part whole, BuildRange(0, first));
    uint32_t next = first;
    for (int generation = 0; generation < kGenerations; ++generation) {
      if (churn) Kill(whole.ids, kDead);
      const auto more = static_cast<uint32_t>(churn ? kDead * n : n / 2 / kGenerations);
      KITH_ASSIGN_OR_RETURN(const Part part, BuildRange(next, next + more));
      next += more;
      KITH_ASSIGN_OR_RETURN(whole, Merge({&whole, &part}));
    }
    return whole;
  }
  return MergeRanges(0, n, flags_.parts);
}

std::vector<double> Bench::Recall(const Part& part) const {
  const Vectors rows = RowsOf(part.ids);
  const index::Kernels& kernels = index::BestKernels();
  const size_t queries = data_.queries.count();
  std::vector<std::vector<uint32_t>> truth(queries);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::pair<double, uint32_t>> scores(rows.count());
      for (size_t q = t; q < queries; q += 2) {
        const float* query = data_.queries.row(q);
        for (uint32_t row = 0; row < rows.count(); ++row) {
          scores[row] = {metric_ == Metric::kL2
                             ? kernels.squared_l2_f32(query, rows.row(row), rows.dimension)
                             : -kernels.dot_f32(query, rows.row(row), rows.dimension),
                         row};
        }
        std::nth_element(scores.begin(), scores.begin() + flags_.k, scores.end());
        for (uint32_t i = 0; i < flags_.k; ++i) truth[q].push_back(scores[i].second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  KithEngine engine(rows, metric_, index::CodeKind::kInt4, part.built.graph);
  std::vector<double> recalls;
  std::vector<uint32_t> hits;
  for (const uint32_t ef : flags_.ef) {
    size_t found = 0;
    for (size_t q = 0; q < queries; ++q) {
      engine.Search(data_.queries.row(q), flags_.k, ef, hits);
      for (const uint32_t row : hits) {
        found += static_cast<size_t>(std::count(truth[q].begin(), truth[q].end(), row));
      }
    }
    recalls.push_back(static_cast<double>(found) / static_cast<double>(queries * flags_.k));
  }
  return recalls;
}

absl::Status Bench::Run() {
  KITH_ASSIGN_OR_RETURN(const Part merged, Scenario());
  const double merged_us = 1e6 * merge_seconds_ / static_cast<double>(merged_rows_);
  const double begin = CpuSeconds();
  KITH_ASSIGN_OR_RETURN(const Part built, Build(merged.ids, flags_.ef_construction));
  const double built_us = 1e6 * (CpuSeconds() - begin) / static_cast<double>(merged.ids.size());
  fmt::print("{}: {} rows of {}, {:.1f} us of CPU a row merged, {:.1f} built: {:.2f}x\n",
             flags_.scenario, merged.ids.size(), flags_.dim, merged_us, built_us,
             built_us / merged_us);
  const std::vector<double> of_merged = Recall(merged), of_built = Recall(built);
  for (size_t i = 0; i < flags_.ef.size(); ++i) {
    fmt::print("  ef {:>4}: recall@{} {:.4f} merged, {:.4f} built, {:+.4f}\n", flags_.ef[i],
               flags_.k, of_merged[i], of_built[i], of_merged[i] - of_built[i]);
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Merging graphs beside building them", "merge_bench");
  app.add_option("--scenario", flags.scenario, "What is merged")
      ->check(CLI::IsMember({"equal", "large", "dead", "tree", "grow", "churn"}))
      ->capture_default_str();
  app.add_option("--synthetic", flags.synthetic, "Data")
      ->check(CLI::IsMember({"clustered", "gaussian"}))
      ->capture_default_str();
  app.add_option("--metric", flags.metric, "Metric")
      ->check(CLI::IsMember({"cosine", "l2"}))
      ->capture_default_str();
  app.add_option("--n", flags.n, "Rows in the end")->check(CLI::Range(1000, 10'000'000));
  app.add_option("--dim", flags.dim, "Dimension")->check(CLI::Range(1, 4096));
  app.add_option("--queries", flags.queries, "Queries")->check(CLI::Range(1, 100'000));
  app.add_option("--parts", flags.parts, "Graphs that are merged")->check(CLI::Range(2, 1000));
  app.add_option("--threads", flags.threads, "Of builds and merges")->check(CLI::Range(1, 256));
  app.add_option("--m", flags.m, "Links a node")->check(CLI::Range(4, 64));
  app.add_option("--ef-construction", flags.ef_construction, "Of the whole");
  app.add_option("--part-ef-construction", flags.part_ef_construction, "Of the parts");
  app.add_option("--seed", flags.seed, "Of the data");
  app.add_option("--ef", flags.ef, "Pools of searches")->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  const size_t rows = flags.scenario == "churn"
                          ? static_cast<size_t>(flags.n * (1 + kGenerations * kDead)) + 1
                          : flags.n;
  const Metric metric = flags.metric == "l2" ? Metric::kL2 : Metric::kCosine;
  DataSet data = flags.synthetic == "gaussian"
                     ? GaussianData(rows, flags.dim, flags.queries, flags.seed)
                     : ClusteredData(rows, flags.dim, flags.queries, flags.seed);
  if (metric == Metric::kCosine) {
    Normalise(data.base);
    Normalise(data.queries);
  }
  const absl::Status status = Bench(flags, std::move(data), metric).Run();
  if (status.ok()) return 0;
  fmt::print(stderr, "{}\n", status.ToString());
  return 1;
}

}  // namespace
}  // namespace kith::bench

int main(int argc, char** argv) { return kith::bench::Main(argc, argv); }
