// filter_bench: what a filter does to the recall and the speed of searches of one sealed segment,
// at many selectivities, for filters that have nothing to do with the query and for those that
// have.
//
//   filter_bench --n 200000 --dim 384 --recall 0.98
//   filter_bench --folder /var/tmp/segment --json     # the segment is kept there, and used again
//
// Every query has a filter of its own, made of whole clusters but for the random ones:
//
//   random      each row by chance
//   correlated  the clusters nearest to the query
//   elsewhere   clusters by chance, but none of the 5 % nearest to the query
//   opposite    the clusters farthest from the query
//
// All cells take turns with unfiltered searches, round by round, and the median counts; the clock
// is the processor time of the one searching thread. A ratio is to unfiltered searches of the
// recall asked for (--recall), found by their ef.

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/index_data.h"
#include "fmt/format.h"
#include "index/index_writer.h"
#include "index/kernels/kernels.h"
#include "index/search.h"
#include "index/segment_build.h"
#include "index/slot_set.h"
#include "kith/base/error.h"

namespace kith::bench {
namespace {

using index::IndexView;
using index::IndexWriter;
using index::Metric;
using index::SearchParams;
using index::SearchResult;
using index::SlotSet;

struct Flags {
  std::string folder;
  size_t n = 200000, queries = 200;
  uint32_t dim = 384, k = 10, threads = 2, rounds = 3;
  uint64_t seed = 1;
  double recall = 0.98;
  std::vector<double> selectivities = {0.5, 0.2, 0.1, 0.05, 0.01, 0.001, 0.0001};
  std::vector<std::string> relations = {"random", "correlated", "elsewhere", "opposite"};
  bool json = false;
};

template <typename Result>
Result OrExit(absl::StatusOr<Result> result) {
  if (!result.ok()) {
    fmt::print(stderr, "filter_bench: {}\n", result.status().ToString());
    std::exit(1);
  }
  return *std::move(result);
}

double Seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// One segment of all rows, sealed, in files of `folder`.
class SealedIndex {
 public:
  SealedIndex(const Flags& flags, const Vectors& base) : flags_(flags) {
    options_ = {.dimension = base.dimension, .metric = Metric::kCosine};
    writer_ = OrExit(IndexWriter::Create(options_));
    const std::string name =
        fmt::format("{}/clustered-{}-{}-{}", flags.folder, flags.n, flags.dim, flags.seed);
    const index::SegmentPaths paths = {name + ".graph", name + ".rows"};
    if (!std::filesystem::exists(paths.graph)) Build(base, paths);
    auto sealed = OrExit(index::SealedSegment::Open(options_, paths, Call::Background()));
    writer_->AddSealed(std::move(sealed));
    view_ = std::make_unique<IndexView>(writer_->Publish());
  }

  const IndexView& view() const { return *view_; }

 private:
  void Build(const Vectors& base, const index::SegmentPaths& paths) const {
    const std::unique_ptr<IndexWriter> writer = OrExit(IndexWriter::Create(options_));
    for (size_t row = 0; row < base.count(); ++row) {
      const absl::Status reserved = writer->Reserve(1);
      if (!reserved.ok()) OrExit<int>(reserved);
      writer->Append(row, 0, {base.row(row), base.dimension});
    }
    const IndexView view = writer->Publish();
    std::ofstream graph(paths.graph, std::ios::binary);
    std::ofstream rows(paths.rows, std::ios::binary);
    const auto sink = [](std::ofstream& file) -> index::ByteSink {
      return [&file](std::string_view bytes) -> absl::Status {
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        if (file.good()) return absl::OkStatus();
        return Error(absl::StatusCode::kInternal, reason::kStorageError, "cannot write");
      };
    };
    index::SegmentBuildOptions build = {.range = {0, base.count()}};
    build.threads = flags_.threads;
    OrExit(BuildSegment(options_, view.segments(), build, {sink(graph), sink(rows)},
                        Call::Background()));
  }

  const Flags& flags_;
  index::IndexOptions options_;
  std::unique_ptr<IndexWriter> writer_;
  std::unique_ptr<IndexView> view_;
};

// Makes the filters of a relation.
class FilterMaker {
 public:
  FilterMaker(const DataSet& data, uint64_t seed) : data_(data), random_(seed) {
    const uint32_t clusters =
        1 + *std::max_element(data.base_clusters.begin(), data.base_clusters.end());
    const uint32_t dimension = data.base.dimension;
    rows_.resize(clusters);
    centres_.resize(size_t{clusters} * dimension);
    for (uint32_t row = 0; row < data.base.count(); ++row) {
      const uint32_t cluster = data.base_clusters[row];
      rows_[cluster].push_back(row);
      for (uint32_t i = 0; i < dimension; ++i) {
        centres_[size_t{cluster} * dimension + i] += data.base.row(row)[i];
      }
    }
    for (uint32_t c = 0; c < clusters; ++c) {
      for (uint32_t i = 0; i < dimension; ++i) {
        centres_[size_t{c} * dimension + i] /=
            static_cast<float>(std::max<size_t>(1, rows_[c].size()));
      }
    }
  }

  SlotSet Make(const std::string& relation, double selectivity, const float* query) {
    const auto count = static_cast<uint32_t>(data_.base.count());
    const auto wanted = static_cast<size_t>(std::llround(selectivity * count));
    std::vector<uint32_t> slots;
    if (relation == "random") {
      slots.resize(count);
      std::iota(slots.begin(), slots.end(), 0);
      for (size_t i = 0; i < wanted; ++i) {
        std::swap(slots[i], slots[i + random_() % (count - i)]);
      }
      slots.resize(wanted);
      return SlotSet::Of(count, slots);
    }
    for (const uint32_t cluster : Order(relation, query)) {
      for (const uint32_t row : rows_[cluster]) {
        if (slots.size() < wanted) slots.push_back(row);
      }
    }
    return SlotSet::Of(count, slots);
  }

 private:
  std::vector<uint32_t> Order(const std::string& relation, const float* query) {
    const index::Kernels& kernels = index::BestKernels();
    const uint32_t dimension = data_.base.dimension;
    std::vector<double> scores(rows_.size());
    for (size_t c = 0; c < rows_.size(); ++c) {
      const float* centre = centres_.data() + c * dimension;
      const double norm = std::sqrt(kernels.dot_f32(centre, centre, dimension));
      scores[c] = norm > 0 ? kernels.dot_f32(query, centre, dimension) / norm : 0;
    }
    std::vector<uint32_t> order(rows_.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
    if (relation == "opposite") std::reverse(order.begin(), order.end());
    if (relation == "elsewhere") {
      order.erase(order.begin(), order.begin() + static_cast<long>(order.size() / 20));
      std::shuffle(order.begin(), order.end(), random_);
    }
    return order;
  }

  const DataSet& data_;
  std::mt19937_64 random_;
  std::vector<std::vector<uint32_t>> rows_;  // of each cluster
  std::vector<float> centres_;               // [clusters][dimension]
};

// One setting of searches: unfiltered with some ef, or a filter's.
struct Cell {
  std::string relation;  // empty: unfiltered
  double selectivity = 1;
  uint32_t ef = 0;
  std::vector<SlotSet> filters;  // one a query
  std::vector<float> floors;     // the score of the k-th best allowed row, for each query
  std::vector<size_t> wanted;    // min(k, matches)

  double recall = 0;
  size_t short_answers = 0;
  double distances = 0, scanned = 0, rescored = 0;
  double walked = 0;  // share of the searches by a walk
  double fell_back = 0;
  std::vector<double> rates;
  double qps() const { return Median(rates); }
};

class Bench {
 public:
  explicit Bench(const Flags& flags)
      : flags_(flags), data_(ClusteredData(flags.n, flags.dim, flags.queries, flags.seed)) {
    Normalise(data_.base);
    Normalise(data_.queries);
    index_ = std::make_unique<SealedIndex>(flags, data_.base);
  }

  void Run() {
    for (const uint32_t ef : {10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320}) {
      Cell cell;
      cell.ef = ef;
      cells_.push_back(std::move(cell));
    }
    FilterMaker maker(data_, flags_.seed);
    for (const std::string& relation : flags_.relations) {
      for (const double selectivity : flags_.selectivities) {
        Cell cell;
        cell.relation = relation;
        cell.selectivity = selectivity;
        for (size_t q = 0; q < flags_.queries; ++q) {
          cell.filters.push_back(maker.Make(relation, selectivity, data_.queries.row(q)));
        }
        cells_.push_back(std::move(cell));
      }
    }
    FindTruth();
    for (uint32_t round = 0; round < flags_.rounds; ++round) {
      for (Cell& cell : cells_) Pass(cell);
    }
    Print();
  }

 private:
  // By plain scores of all rows, which know nothing of filters and segments.
  void FindTruth() {
    const index::Kernels& kernels = index::BestKernels();
    std::vector<float> scores(data_.base.count());
    std::vector<float> allowed;
    for (size_t q = 0; q < flags_.queries; ++q) {
      for (size_t row = 0; row < scores.size(); ++row) {
        scores[row] = static_cast<float>(
            kernels.dot_f32(data_.queries.row(q), data_.base.row(row), data_.base.dimension));
      }
      for (Cell& cell : cells_) {
        allowed.clear();
        if (cell.relation.empty()) {
          allowed = scores;
        } else {
          cell.filters[q].ForEach([&](uint32_t slot) { allowed.push_back(scores[slot]); });
        }
        const size_t wanted = std::min<size_t>(flags_.k, allowed.size());
        cell.wanted.push_back(wanted);
        float floor = std::numeric_limits<float>::infinity();
        if (wanted > 0) {
          const auto last = allowed.begin() + static_cast<long>(wanted) - 1;
          std::nth_element(allowed.begin(), last, allowed.end(), std::greater<float>());
          floor = *last;
        }
        cell.floors.push_back(floor);
      }
    }
  }

  void Pass(Cell& cell) {
    const bool first = cell.rates.empty();
    double seconds = 0;
    double found = 0, wanted = 0;
    for (size_t q = 0; q < flags_.queries; ++q) {
      const SlotSet* allow = cell.relation.empty() ? nullptr : &cell.filters[q];
      SearchParams params = {.queries = {data_.queries.row(q), flags_.dim},
                             .k = flags_.k,
                             .target_recall = flags_.recall,
                             .ef = cell.ef};
      if (allow != nullptr) {
        params.allow = {&allow, 1};
        Warm(*allow);
      }
      const double begin = Seconds();
      const SearchResult result =
          OrExit(Search(index_->view(), params, Call::Background(), scratch_));
      seconds += Seconds() - begin;
      if (!first) continue;
      // A row that ties with the last is as good; scores are rounded once here and once there.
      size_t good = 0;
      for (const index::Hit& hit : result.hits) good += hit.score >= cell.floors[q] - 1e-6f ? 1 : 0;
      found += static_cast<double>(std::min(good, cell.wanted[q]));
      wanted += static_cast<double>(cell.wanted[q]);
      cell.short_answers += result.hits.size() < cell.wanted[q] ? 1 : 0;
      const double share = 1 / static_cast<double>(flags_.queries);
      cell.distances += share * static_cast<double>(result.graph_distances);
      cell.scanned += share * static_cast<double>(result.rows_scanned);
      cell.rescored += share * static_cast<double>(result.rows_rescored);
      cell.walked += share * result.segments_walked;
      cell.fell_back += share * (result.segments_walked > 0 && result.segments_scanned > 0 ? 1 : 0);
    }
    if (first) cell.recall = wanted > 0 ? found / wanted : 1;
    cell.rates.push_back(static_cast<double>(flags_.queries) / seconds);
  }

  // A filter was evaluated just before the search that it is for.
  static void Warm(const SlotSet& filter) {
    uint64_t sum = 0;
    for (const uint64_t word : filter.words()) sum += word;
    volatile uint64_t sink = sum;
    (void)sink;
  }

  // Of unfiltered searches, between the two ef around that recall; misses shrink about as a power.
  double UnfilteredQps(double recall) const {
    const auto x = [](double r) { return -std::log(std::max(1e-6, 1 - r)); };
    const Cell* below = nullptr;
    for (const Cell& cell : cells_) {
      if (!cell.relation.empty()) break;
      if (cell.recall >= recall) {
        if (below == nullptr) return cell.qps();
        const double t = (x(recall) - x(below->recall)) / (x(cell.recall) - x(below->recall));
        return std::exp(std::log(below->qps()) * (1 - t) + std::log(cell.qps()) * t);
      }
      below = &cell;
    }
    return below->qps();
  }

  void Print() const {
    const double peer = UnfilteredQps(flags_.recall);
    if (!flags_.json) {
      fmt::print("# {} x {}, {} queries, k {}, recall asked for {}: unfiltered {:.0f} QPS\n",
                 flags_.n, flags_.dim, flags_.queries, flags_.k, flags_.recall, peer);
    }
    for (const Cell& cell : cells_) {
      if (flags_.json) {
        fmt::print(
            "{{\"filter\": \"{}\", \"selectivity\": {}, \"ef\": {}, \"recall\": {:.4f}, "
            "\"short_answers\": {}, \"qps\": {:.0f}, \"ratio\": {:.3f}, \"walked\": {:.2f}, "
            "\"fell_back\": {:.2f}, \"distances\": {:.0f}, \"scanned\": {:.0f}, "
            "\"rescored\": {:.1f}}}\n",
            cell.relation.empty() ? "none" : cell.relation, cell.selectivity, cell.ef, cell.recall,
            cell.short_answers, cell.qps(), cell.qps() / peer, cell.walked, cell.fell_back,
            cell.distances, cell.scanned, cell.rescored);
        continue;
      }
      fmt::print(
          "{:<10} {:>7}  recall {:.4f}  short {}  {:>6.0f} QPS  {:.2f}x  walked {:.2f}  fell back "
          "{:.2f}  distances {:.0f}  scanned {:.0f}  rescored {:.1f}\n",
          cell.relation.empty() ? fmt::format("ef {}", cell.ef) : cell.relation,
          fmt::format("{:g} %", 100 * cell.selectivity), cell.recall, cell.short_answers,
          cell.qps(), cell.qps() / peer, cell.walked, cell.fell_back, cell.distances, cell.scanned,
          cell.rescored);
    }
  }

  const Flags& flags_;
  DataSet data_;
  std::unique_ptr<SealedIndex> index_;
  std::vector<Cell> cells_;  // unfiltered ones first, by ef
  index::SearchScratch scratch_;
};

}  // namespace
}  // namespace kith::bench

int main(int argc, char** argv) {
  kith::bench::Flags flags;
  flags.folder = std::filesystem::temp_directory_path().string();
  CLI::App app("Filtered searches beside unfiltered ones");
  app.add_option("--folder", flags.folder, "where the segment's files are kept for the next run");
  app.add_option("--n", flags.n, "rows")->check(CLI::Range(1000, 100000000));
  app.add_option("--queries", flags.queries)->check(CLI::Range(1, 100000));
  app.add_option("--dim", flags.dim)->check(CLI::Range(1, 4096));
  app.add_option("--seed", flags.seed);
  app.add_option("--k", flags.k)->check(CLI::Range(1, 10000));
  app.add_option("--recall", flags.recall, "asked for")->check(CLI::Range(0.01, 0.999));
  app.add_option("--threads", flags.threads, "that build")->check(CLI::Range(1, 64));
  app.add_option("--rounds", flags.rounds)->check(CLI::Range(1, 1000));
  app.add_option("--selectivity", flags.selectivities, "shares of rows")
      ->delimiter(',')
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--filters", flags.relations)
      ->delimiter(',')
      ->check(CLI::IsMember({"random", "correlated", "elsewhere", "opposite"}));
  app.add_flag("--json", flags.json);
  CLI11_PARSE(app, argc, argv);
  kith::bench::Bench(flags).Run();
  return 0;
}
