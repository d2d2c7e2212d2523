// How fast rows are scored by code, and how well codes find what exact distances would.
//
//   codes_bench [--rows 200000] [--dim 384] [--metric cosine|dot|l2] [--data clustered|gaussian]
//   (index_data.h)
//               [--queries 200] [--kernels NAME]
//
// Prints for each kind of codes: nanoseconds a row for a gather of 24 rows at a time, hot (1,000
// rows) and cold (random ones of all), and for a scan; recall@10 of exact rescoring of the best 10,
// 20, 30 and 50 by code distance; and what stopping at CodeQuery::Reach costs: rows scored exactly
// until it stops, and recall@10 then. One thread.

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "bench/index_data.h"
#include "fmt/format.h"
#include "index/codes/build_codes.h"
#include "index/codes/code_query.h"

namespace {

using namespace kith::index;  // NOLINT: a program of one file

struct Settings {
  uint32_t rows = 200000;
  uint32_t dimension = 384;
  uint32_t queries = 200;
  Metric metric = Metric::kCosine;
  bool clustered = true;
  const Kernels* kernels = &BestKernels();
};

constexpr size_t kTogether = 24;
constexpr uint32_t kHotRows = 1000;
constexpr size_t kTop = 10;
constexpr uint64_t kSeed = 7;

class Pages {
 public:
  explicit Pages(size_t bytes) : bytes_((bytes + kHuge - 1) / kHuge * kHuge) {
    data_ = static_cast<std::byte*>(std::aligned_alloc(kHuge, bytes_));
    madvise(data_, bytes_, MADV_HUGEPAGE);
    std::memset(data_, 0, bytes_);
  }
  ~Pages() { std::free(data_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::byte* data() { return data_; }

 private:
  static constexpr size_t kHuge = size_t{2} << 20;
  size_t bytes_;
  std::byte* data_;
};

// Processor time of this thread: others may share the machine.
double Nanoseconds() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// The least of some rounds, in nanoseconds a row.
template <typename Function>
double Time(size_t rows, const Function& function) {
  double best = 1e300;
  for (int round = 0; round < 7; ++round) {
    const double begin = Nanoseconds();
    function();
    best = std::min(best, Nanoseconds() - begin);
  }
  return best / static_cast<double>(rows);
}

std::vector<uint32_t> RandomIds(size_t count, uint32_t below) {
  std::mt19937_64 random(kSeed);
  std::vector<uint32_t> ids(count);
  for (uint32_t& id : ids) id = static_cast<uint32_t>(random() % below);
  return ids;
}

template <typename Gather>
double TimeGather(uint32_t below, const Gather& gather) {
  const std::vector<uint32_t> ids = RandomIds(kTogether * 20000, below);
  std::vector<float> distances(kTogether);
  return Time(ids.size(), [&] {
    for (size_t i = 0; i < ids.size(); i += kTogether) gather(ids.data() + i, distances.data());
  });
}

double ExactScore(const Settings& s, const float* a, const float* b) {
  switch (s.metric) {
    case Metric::kCosine:
      return s.kernels->dot_f32(a, b, s.dimension) /
             std::sqrt(s.kernels->dot_f32(a, a, s.dimension) *
                       s.kernels->dot_f32(b, b, s.dimension));
    case Metric::kDot:
      return s.kernels->dot_f32(a, b, s.dimension);
    case Metric::kL2:
      return -std::sqrt(s.kernels->squared_l2_f32(a, b, s.dimension));
  }
  return 0;
}

std::vector<uint32_t> Nearest(const std::vector<float>& distances, size_t count) {
  std::vector<uint32_t> order(distances.size());
  std::iota(order.begin(), order.end(), 0u);
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(count), order.end(),
                    [&](uint32_t a, uint32_t b) { return distances[a] < distances[b]; });
  order.resize(count);
  return order;
}

struct Truth {
  std::vector<float> scores;   // of all rows
  std::vector<uint32_t> best;  // kTop
};

Truth ExactSearch(const Settings& s, const std::vector<float>& rows, const float* query) {
  Truth truth;
  std::vector<float> negative(s.rows);
  for (uint32_t r = 0; r < s.rows; ++r) {
    const float score =
        static_cast<float>(ExactScore(s, query, rows.data() + size_t{r} * s.dimension));
    truth.scores.push_back(score);
    negative[r] = -score;
  }
  truth.best = Nearest(negative, kTop);
  return truth;
}

size_t Found(const Truth& truth, const std::vector<uint32_t>& candidates, size_t count) {
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) {
    found += std::count(truth.best.begin(), truth.best.end(), candidates[i]);
  }
  return found;
}

void Quality(const Settings& s, const CodeBook& book, const std::byte* codes,
             const std::vector<float>& queries, const std::vector<Truth>& truths) {
  constexpr size_t kPool = 200;
  std::map<size_t, size_t> found = {{10, 0}, {15, 0}, {20, 0}, {30, 0}, {50, 0}};
  size_t found_by_reach = 0;
  size_t scored = 0;
  CodeQuery query;
  std::vector<float> distances(s.rows);
  for (size_t q = 0; q < truths.size(); ++q) {
    query.Prepare(book, queries.data() + q * s.dimension, *s.kernels);
    query.Scan(codes, book.row_bytes(), s.rows, distances.data());
    const std::vector<uint32_t> pool = Nearest(distances, kPool);
    for (auto& [count, sum] : found) sum += Found(truths[q], pool, count);
    std::vector<float> best;
    size_t i = 0;
    for (; i < kPool; ++i) {
      if (i >= kTop) {
        std::nth_element(best.begin(), best.begin() + kTop - 1, best.end(), std::greater<>());
        if (distances[pool[i]] > query.Reach(best[kTop - 1])) break;
      }
      best.push_back(truths[q].scores[pool[i]]);
    }
    scored += i;
    found_by_reach += Found(truths[q], pool, i);
  }
  const double all = static_cast<double>(truths.size() * kTop);
  fmt::print("      recall@10 of the best");
  for (const auto& [count, sum] : found) {
    fmt::print("  {}: {:.4f}", count, static_cast<double>(sum) / all);
  }
  fmt::print("   Reach: {:.4f} of {:.1f}\n", static_cast<double>(found_by_reach) / all,
             static_cast<double>(scored) / static_cast<double>(truths.size()));
}

void Run(const Settings& s) {
  const kith::bench::DataSet data =
      s.clustered ? kith::bench::ClusteredData(s.rows, s.dimension, s.queries, kSeed)
                  : kith::bench::GaussianData(s.rows, s.dimension, s.queries, kSeed);
  const std::vector<float>& rows = data.base.values;
  const std::vector<float>& queries = data.queries.values;
  std::vector<const float*> sample;
  for (size_t i = 0; i < 4096; ++i) {
    sample.push_back(rows.data() + i * s.rows / 4096 * s.dimension);
  }
  std::vector<Truth> truths;
  for (uint32_t q = 0; q < s.queries; ++q) {
    truths.push_back(ExactSearch(s, rows, queries.data() + size_t{q} * s.dimension));
  }
  const std::vector<uint32_t> ids = RandomIds(kTogether, s.rows);
  for (const CodeKind kind : {CodeKind::kInt4, CodeKind::kInt8, CodeKind::kF16, CodeKind::kF32}) {
    const double learn_ms =
        Time(1000000, [&] { CodeBook::Learn(kind, s.metric, s.dimension, sample, *s.kernels); });
    const CodeBook book = CodeBook::Learn(kind, s.metric, s.dimension, sample, *s.kernels);
    Pages pages(s.rows * book.row_bytes());
    std::byte* codes = pages.data();
    const double encode = Time(s.rows, [&] {
      for (uint32_t r = 0; r < s.rows; ++r) {
        book.Encode(rows.data() + size_t{r} * s.dimension, codes + r * book.row_bytes());
      }
    });
    CodeQuery query;
    const double prepare = Time(2000, [&] {
      for (int i = 0; i < 2000; ++i) query.Prepare(book, queries.data(), *s.kernels);
    });
    const auto gather = [&](const uint32_t* some, float* distances) {
      query.Gather(codes, book.row_bytes(), some, kTogether, distances);
    };
    std::vector<float> distances(s.rows);
    const double scan =
        Time(s.rows, [&] { query.Scan(codes, book.row_bytes(), s.rows, distances.data()); });
    fmt::print(
        "{:5} {:5} B  ns a row: hot {:6.2f}  cold {:6.2f}  scan {:6.2f}  encode {:6.0f}   "
        "ns: prepare {:6.0f}  learn {:.0f} ms\n",
        CodeKindName(kind), book.row_bytes(), TimeGather(kHotRows, gather),
        TimeGather(s.rows, gather), scan, encode, prepare, learn_ms);
    Quality(s, book, codes, queries, truths);
  }

  const BuildCoder coder(s.metric, s.dimension, sample, *s.kernels);
  Pages pages(s.rows * coder.row_bytes());
  std::byte* codes = pages.data();
  const double encode = Time(s.rows, [&] {
    for (uint32_t r = 0; r < s.rows; ++r) {
      coder.Encode(rows.data() + size_t{r} * s.dimension, codes + r * coder.row_bytes());
    }
  });
  const auto gather = [&](const uint32_t* some, float* distances) {
    coder.Distances(codes, codes, some, kTogether, distances);
  };
  fmt::print("build {:5} B  ns a row: hot {:6.2f}  cold {:6.2f}               encode {:6.0f}\n",
             coder.row_bytes(), TimeGather(kHotRows, gather), TimeGather(s.rows, gather), encode);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--rows") settings.rows = static_cast<uint32_t>(std::stoul(value));
    if (name == "--dim") settings.dimension = static_cast<uint32_t>(std::stoul(value));
    if (name == "--queries") settings.queries = static_cast<uint32_t>(std::stoul(value));
    if (name == "--metric") {
      settings.metric = value == "l2"    ? Metric::kL2
                        : value == "dot" ? Metric::kDot
                                         : Metric::kCosine;
    }
    if (name == "--data") settings.clustered = value != "gaussian";
    if (name == "--kernels") settings.kernels = FindKernels(value);
  }
  if (settings.kernels == nullptr) {
    fmt::print(stderr, "these kernels are not here\n");
    return 2;
  }
  fmt::print("{} rows, dimension {}, {}, {}, kernels {}\n", settings.rows, settings.dimension,
             MetricName(settings.metric), settings.clustered ? "clustered" : "gaussian",
             settings.kernels->name);
  Run(settings);
  return 0;
}
