// index_bench: Kith's graphs and hnswlib on the same data in the same run: recall, speed, cost of
// building, memory, and the ratios at equal recall.
//
//   index_bench --synthetic clustered --n 200000 --dim 384 --metric cosine
//   index_bench --base base.fvecs --query query.fvecs --metric l2 --k 10 --threads 1 --json
//
// All settings of all engines take turns, round by round, and the median of the rounds counts, so
// that whatever else the machine does falls on all alike. With one thread the clock is that
// thread's own processor time; with more it is the wall's.

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/hnswlib_peer.h"
#include "bench/index_data.h"
#include "bench/kith_engine.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace kith::bench {
namespace {

using index::BuiltGraph;
using index::CodeKind;
using index::Metric;

struct Flags {
  std::string base, query, cache, synthetic = "clustered", metric = "cosine";
  size_t n = 200000, queries = 1000;
  uint32_t dim = 384, k = 10, threads = 1, build_threads = 2, m = 16, ef_construction = 200,
           rounds = 5;
  uint64_t seed = 1;
  std::vector<std::string> peers = {"hnswlib"};
  std::vector<std::string> codes = {"int4", "int8"};
  std::vector<std::string> builders = {"kith"};
  std::vector<uint32_t> ef = {10, 12,  14,  16,  20,  24,  28,  32,  40,  48,  64,
                              80, 100, 128, 160, 200, 256, 320, 400, 600, 1200};
  bool json = false;
};

double Seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// One search by one thread: fills in the rows found.
using SearchFunction =
    std::function<void(const float* query, uint32_t ef, std::vector<uint32_t>& rows)>;

struct Engine {
  std::string name;
  double build_cpu_s = 0;
  double bytes_per_vector = 0;
  std::vector<SearchFunction> search = {};  // one a thread
  std::function<std::string(uint32_t ef)> costs = {};
};

struct Setting {
  const Engine* engine;
  uint32_t ef;
  double recall = 0;
  std::vector<double> rates;
  double qps() const {
    std::vector<double> sorted = rates;
    std::sort(sorted.begin(), sorted.end());
    return sorted.empty() ? 0 : sorted[sorted.size() / 2];
  }
  // The least disturbed round.
  double best_qps() const { return *std::max_element(rates.begin(), rates.end()); }
};

double Recall(const std::vector<std::vector<uint32_t>>& found, const std::vector<uint32_t>& truth,
              uint32_t k) {
  size_t hits = 0;
  for (size_t q = 0; q < found.size(); ++q) {
    const std::set<uint32_t> right(truth.begin() + static_cast<long>(q * k),
                                   truth.begin() + static_cast<long>((q + 1) * k));
    for (uint32_t row : found[q]) hits += right.count(row);
  }
  return static_cast<double>(hits) / static_cast<double>(found.size() * k);
}

// Queries a second of one pass over all queries.
double Pass(const Setting& setting, const Vectors& queries,
            std::vector<std::vector<uint32_t>>& found) {
  const size_t threads = setting.engine->search.size();
  const clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  const double begin = Seconds(clock);
  const auto work = [&](size_t thread) {
    for (size_t q = thread; q < queries.count(); q += threads) {
      setting.engine->search[thread](queries.row(q), setting.ef, found[q]);
    }
  };
  if (threads == 1) {
    work(0);
  } else {
    std::vector<std::thread> all;
    for (size_t t = 0; t < threads; ++t) all.emplace_back(work, t);
    for (std::thread& thread : all) thread.join();
  }
  return static_cast<double>(queries.count()) / (Seconds(clock) - begin);
}

// Queries a second at that recall, between the settings around it: in recall as -log(1 - r), where
// curves are nearly straight. 0 where the engine does not reach it.
double QpsAt(const std::vector<Setting>& settings, const Engine& engine, double recall) {
  const auto x = [](double r) { return -std::log(std::max(1e-6, 1 - r)); };
  const Setting* below = nullptr;
  for (const Setting& setting : settings) {
    if (setting.engine != &engine) continue;
    if (setting.recall >= recall) {
      if (below == nullptr || setting.recall <= below->recall) return setting.qps();
      const double t = (x(recall) - x(below->recall)) / (x(setting.recall) - x(below->recall));
      return std::exp(std::log(below->qps()) * (1 - t) + std::log(setting.qps()) * t);
    }
    below = &setting;
  }
  return 0;
}

template <typename Result>
Result OrExit(absl::StatusOr<Result> result) {
  if (!result.ok()) {
    fmt::print(stderr, "index_bench: {}\n", result.status().ToString());
    std::exit(1);
  }
  return *std::move(result);
}

DataSet Load(const Flags& flags) {
  if (!flags.base.empty()) {
    DataSet data = {OrExit(ReadFvecs(flags.base)), OrExit(ReadFvecs(flags.query))};
    if (data.base.dimension != data.queries.dimension) {
      fmt::print(stderr, "index_bench: base has dimension {}, queries {}\n", data.base.dimension,
                 data.queries.dimension);
      std::exit(1);
    }
    return data;
  }
  return flags.synthetic == "clustered"
             ? ClusteredData(flags.n, flags.dim, flags.queries, flags.seed)
             : GaussianData(flags.n, flags.dim, flags.queries, flags.seed);
}

CodeKind KindOf(const std::string& name) {
  for (uint32_t number = 1; auto kind = index::ToCodeKind(number); ++number) {
    if (index::CodeKindName(*kind) == name) return *kind;
  }
  fmt::print(stderr, "index_bench: no codes {}\n", name);
  std::exit(1);
}

index::GraphBuilder BuilderOf(const std::string& name) {
  if (name == "hnswlib") return index::GraphBuilder::kHnswlib;
  if (name == "kith") return index::GraphBuilder::kKith;
  fmt::print(stderr, "index_bench: no builder {}\n", name);
  std::exit(1);
}

class Bench {
 public:
  explicit Bench(const Flags& flags) : flags_(flags), data_(Load(flags)) {
    metric_ = flags.metric == "cosine" ? Metric::kCosine
              : flags.metric == "dot"  ? Metric::kDot
                                       : Metric::kL2;
    if (metric_ == Metric::kCosine) {
      Normalise(data_.base);
      Normalise(data_.queries);
    }
    truth_ = ExactNearest(data_.base, data_.queries, metric_ != Metric::kL2, flags.k, 4);
  }

  void Run() {
    Note("{} x {}, {} queries, {}, k {}", data_.base.count(), data_.base.dimension,
         data_.queries.count(), flags_.metric, flags_.k);
    for (const std::string& peer : flags_.peers) {
      if (peer == "hnswlib") AddPeer();
    }
    for (const std::string& builder : flags_.builders) AddKith(builder);
    Measure();
    Print();
  }

 private:
  template <typename... Args>
  void Note(fmt::format_string<Args...> format, Args&&... args) const {
    if (!flags_.json) fmt::print("# {}\n", fmt::format(format, std::forward<Args>(args)...));
    std::fflush(stdout);
  }

  void AddPeer() {
    Engine engine{.name = "hnswlib"};
    const double begin = Seconds(CLOCK_PROCESS_CPUTIME_ID);
    const bool inner_product = metric_ != Metric::kL2;
    const std::string cached = CachePath("peer-hnswlib");
    if (!cached.empty() && std::filesystem::exists(cached)) {
      peer_ = std::make_unique<HnswlibPeer>(cached, data_.base.dimension, inner_product);
    } else {
      peer_ = std::make_unique<HnswlibPeer>(data_.base, inner_product, flags_.m,
                                            flags_.ef_construction, flags_.build_threads);
      engine.build_cpu_s = Seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
      if (!cached.empty()) peer_->Save(cached);
    }
    engine.bytes_per_vector = peer_->bytes_per_vector();
    for (uint32_t t = 0; t < flags_.threads; ++t) {
      engine.search.push_back([this](const float* query, uint32_t ef, std::vector<uint32_t>& rows) {
        peer_->Search(query, flags_.k, ef, rows);
      });
    }
    Note("hnswlib built in {:.1f} CPU s (0: loaded)", engine.build_cpu_s);
    engines_.push_back(std::make_unique<Engine>(std::move(engine)));
  }

  void AddKith(const std::string& builder) {
    const double begin = Seconds(CLOCK_PROCESS_CPUTIME_ID);
    graphs_.push_back(std::make_unique<BuiltGraph>(LoadOrBuild(builder)));
    const double build_cpu_s = Seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
    Note("graph of kith by {} built in {:.1f} CPU s", builder, build_cpu_s);
    for (const std::string& codes : flags_.codes) {
      Engine engine{.name = "kith/" + builder + "/" + codes, .build_cpu_s = build_cpu_s};
      const double encode_begin = Seconds(CLOCK_PROCESS_CPUTIME_ID);
      for (uint32_t t = 0; t < flags_.threads; ++t) {
        auto kith =
            std::make_shared<KithEngine>(data_.base, metric_, KindOf(codes), graphs_.back()->graph);
        engine.bytes_per_vector = kith->bytes_per_vector();
        engine.search.push_back(
            [this, kith](const float* query, uint32_t ef, std::vector<uint32_t>& rows) {
              kith->Search(query, flags_.k, ef, rows);
            });
        engine.costs = [this, kith](uint32_t ef) { return Costs(*kith, ef); };
      }
      engine.build_cpu_s += (Seconds(CLOCK_PROCESS_CPUTIME_ID) - encode_begin) / flags_.threads;
      engines_.push_back(std::make_unique<Engine>(std::move(engine)));
    }
  }

  BuiltGraph LoadOrBuild(const std::string& builder) const {
    const std::string cached = CachePath("kith-" + builder);
    if (!cached.empty() && std::filesystem::exists(cached)) {
      BuiltGraph built;
      built.image = OrExit(index::HugeMemory::Allocate(std::filesystem::file_size(cached)));
      std::ifstream(cached, std::ios::binary)
          .read(reinterpret_cast<char*>(built.image.data()),
                static_cast<std::streamsize>(built.image.size_bytes()));
      built.graph = OrExit(index::Graph::Parse(built.image.bytes()));
      return built;
    }
    BuiltGraph built = OrExit(BuildKithGraph(data_.base, metric_,
                                             {.m = flags_.m,
                                              .ef_construction = flags_.ef_construction,
                                              .threads = flags_.build_threads,
                                              .builder = BuilderOf(builder)}));
    if (!cached.empty()) {
      std::ofstream(cached, std::ios::binary)
          .write(reinterpret_cast<const char*>(built.image.data()),
                 static_cast<std::streamsize>(built.image.size_bytes()));
    }
    return built;
  }

  // By all that decides what an index is; empty without a cache.
  std::string CachePath(const std::string& name) const {
    if (flags_.cache.empty()) return "";
    const std::string data =
        flags_.base.empty()
            ? fmt::format("{}-{}-{}-{}", flags_.synthetic, flags_.n, flags_.dim, flags_.seed)
            : std::filesystem::path(flags_.base).stem().string();
    return fmt::format("{}/{}-{}-{}-m{}-efc{}", flags_.cache, name, data, flags_.metric, flags_.m,
                       flags_.ef_construction);
  }

  // Distances computed and rows rescored a query.
  std::string Costs(KithEngine& kith, uint32_t ef) const {
    const uint64_t distances = kith.distances(), rescored = kith.rescored();
    std::vector<uint32_t> rows;
    for (size_t q = 0; q < data_.queries.count(); ++q) {
      kith.Search(data_.queries.row(q), flags_.k, ef, rows);
    }
    const double queries = static_cast<double>(data_.queries.count());
    return fmt::format(", \"distances\": {:.0f}, \"rescored\": {:.1f}",
                       static_cast<double>(kith.distances() - distances) / queries,
                       static_cast<double>(kith.rescored() - rescored) / queries);
  }

  void Measure() {
    for (const auto& engine : engines_) {
      for (uint32_t ef : flags_.ef) {
        if (ef >= flags_.k) settings_.push_back({.engine = engine.get(), .ef = ef, .rates = {}});
      }
    }
    std::vector<std::vector<uint32_t>> found(data_.queries.count());
    for (uint32_t round = 0; round < flags_.rounds; ++round) {
      for (uint32_t ef : flags_.ef) {
        for (Setting& setting : settings_) {
          if (setting.ef != ef) continue;
          setting.rates.push_back(Pass(setting, data_.queries, found));
          if (round == 0) setting.recall = Recall(found, truth_, flags_.k);
        }
      }
    }
  }

  void Print() const {
    for (const Setting& setting : settings_) {
      fmt::print(
          "{{\"engine\": \"{}\", \"setting\": \"ef={}\", \"recall\": {:.4f}, \"qps\": {:.0f}, "
          "\"best_qps\": {:.0f}, "
          "\"build_cpu_s\": {:.2f}, \"bytes_per_vector\": {:.0f}{}}}\n",
          setting.engine->name, setting.ef, setting.recall, setting.qps(), setting.best_qps(),
          setting.engine->build_cpu_s, setting.engine->bytes_per_vector,
          setting.engine->costs ? setting.engine->costs(setting.ef) : "");
    }
    if (peer_ == nullptr) return;
    const Engine& peer = *engines_.front();
    for (size_t i = 1; i < engines_.size(); ++i) {
      std::string ratios;
      for (double recall : {0.9, 0.95, 0.98, 0.99, 0.995, 0.999}) {
        const double ours = QpsAt(settings_, *engines_[i], recall);
        const double theirs = QpsAt(settings_, peer, recall);
        if (ours > 0 && theirs > 0) {
          ratios +=
              fmt::format("{}\"{}\": {:.2f}", ratios.empty() ? "" : ", ", recall, ours / theirs);
        }
      }
      fmt::print(
          "{{\"ratio_to\": \"hnswlib\", \"engine\": \"{}\", \"qps_at_recall\": {{{}}}, "
          "\"build_cpu\": {:.2f}, \"bytes\": {:.2f}}}\n",
          engines_[i]->name, ratios,
          peer.build_cpu_s > 0 ? engines_[i]->build_cpu_s / peer.build_cpu_s : 0.0,
          engines_[i]->bytes_per_vector / peer.bytes_per_vector);
    }
  }

  const Flags& flags_;
  DataSet data_;
  Metric metric_;
  std::vector<uint32_t> truth_;  // [queries][k]
  std::unique_ptr<HnswlibPeer> peer_;
  std::vector<std::unique_ptr<BuiltGraph>> graphs_;
  std::vector<std::unique_ptr<Engine>> engines_;  // the peer first
  std::vector<Setting> settings_;
};

}  // namespace
}  // namespace kith::bench

int main(int argc, char** argv) {
  kith::bench::Flags flags;
  CLI::App app("Kith's index beside hnswlib on the same data");
  app.add_option("--base", flags.base, "base vectors, .fvecs");
  app.add_option("--query", flags.query, "query vectors, .fvecs")->needs("--base");
  app.add_option("--synthetic", flags.synthetic)->check(CLI::IsMember({"clustered", "gaussian"}));
  app.add_option("--n", flags.n, "generated base vectors")->check(CLI::Range(1, 100000000));
  app.add_option("--queries", flags.queries, "generated queries")->check(CLI::Range(1, 1000000));
  app.add_option("--dim", flags.dim)->check(CLI::Range(1, 4096));
  app.add_option("--seed", flags.seed);
  app.add_option("--metric", flags.metric)->check(CLI::IsMember({"cosine", "dot", "l2"}));
  app.add_option("--k", flags.k)->check(CLI::Range(1, 10000));
  app.add_option("--ef", flags.ef, "settings to measure")->delimiter(',');
  app.add_option("--m", flags.m)->check(CLI::Range(4, 64));
  app.add_option("--ef-construction", flags.ef_construction)->check(CLI::Range(4, 4096));
  app.add_option("--peers", flags.peers)->delimiter(',')->check(CLI::IsMember({"hnswlib", "none"}));
  app.add_option("--cache", flags.cache,
                 "folder where built indexes are kept, and taken from when they are there")
      ->check(CLI::ExistingDirectory);
  app.add_option("--codes", flags.codes, "int4, int8, f16, f32")->delimiter(',');
  app.add_option("--builders", flags.builders, "kith, hnswlib")->delimiter(',');
  app.add_option("--threads", flags.threads, "that search")->check(CLI::Range(1, 256));
  app.add_option("--build-threads", flags.build_threads)->check(CLI::Range(1, 256));
  app.add_option("--rounds", flags.rounds)->check(CLI::Range(1, 1000));
  app.add_flag("--json", flags.json, "JSON lines alone");
  CLI11_PARSE(app, argc, argv);
  if (!flags.base.empty() && flags.query.empty()) {
    fmt::print(stderr, "index_bench: --base needs --query\n");
    return 2;
  }
  std::sort(flags.ef.begin(), flags.ef.end());
  kith::bench::Bench(flags).Run();
  return 0;
}
