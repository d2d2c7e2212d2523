// How fast a growing index is searched: by codes against by exact vectors, for every set of
// kernels, on one thread. Synthetic clustered unit vectors, cosine.
//
//   index_scan_bench [rows=100000] [dimension=384] [k=10]
//
// Prints a line for each kernel set and way: million rows a second, the share of rows rescored, and
// the ratio to the exact scan by the same kernels.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "index/index_writer.h"
#include "index/search.h"

namespace {

using kith::Call;
using kith::index::AvailableKernels;
using kith::index::IndexView;
using kith::index::IndexWriter;
using kith::index::Kernels;
using kith::index::Metric;
using kith::index::Search;
using kith::index::SearchParams;
using kith::index::SearchScratch;

constexpr int kQueries = 50;

// A centre from a thousand and noise of half its size, as neighbours in embeddings have.
class Clusters {
 public:
  explicit Clusters(uint32_t dimension) : dimension_(dimension), centres_(1000 * dimension) {
    for (float& x : centres_) x = normal_(random_);
  }

  std::vector<float> Next() {
    const float* centre = centres_.data() + random_() % 1000 * dimension_;
    std::vector<float> v(dimension_);
    for (uint32_t i = 0; i < dimension_; ++i) v[i] = centre[i] + 0.5f * normal_(random_);
    return v;
  }

 private:
  const uint32_t dimension_;
  std::mt19937_64 random_{1};
  std::normal_distribution<float> normal_;
  std::vector<float> centres_;
};

struct Rate {
  double rows_per_second;
  double rescored_share;
};

Rate Measure(const IndexView& view, const std::vector<std::vector<float>>& queries, uint32_t k,
             bool exact) {
  SearchScratch scratch;
  uint64_t scanned = 0;
  uint64_t rescored = 0;
  double best_seconds = 1e300;
  for (int round = 0; round < 5; ++round) {
    scanned = rescored = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (const std::vector<float>& query : queries) {
      const SearchParams params = {.queries = query, .k = k, .exact = exact};
      const auto result = Search(view, params, Call::Background(), scratch);
      if (!result.ok()) std::abort();
      scanned += result->rows_scanned;
      rescored += result->rows_rescored;
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    best_seconds = std::min(best_seconds, taken.count());
  }
  const double rows = static_cast<double>(scanned);
  return {rows / best_seconds, static_cast<double>(rescored) / rows};
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t rows = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100000;
  const uint32_t dimension = argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 384;
  const uint32_t k = argc > 3 ? static_cast<uint32_t>(std::atoi(argv[3])) : 10;
  if (rows == 0 || dimension == 0 || dimension > kith::index::kMaxDimension || k == 0) {
    fmt::print(stderr, "index_scan_bench [rows] [dimension] [k]\n");
    return 2;
  }
  fmt::print("{} rows x {}, cosine, k {}, one thread\n", rows, dimension, k);
  for (const Kernels* kernels : AvailableKernels()) {
    Clusters data(dimension);
    auto writer = *IndexWriter::Create(
        {.dimension = dimension, .metric = Metric::kCosine, .kernels = kernels});
    if (!writer->Reserve(rows).ok()) return 1;
    double append_seconds = 0;
    for (uint64_t i = 0; i < rows; ++i) {
      const std::vector<float> vector = data.Next();
      const auto begin = std::chrono::steady_clock::now();
      writer->Append(i, 0, vector);
      append_seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    const IndexView view = writer->Publish();
    std::vector<std::vector<float>> queries(kQueries);
    for (auto& query : queries) query = data.Next();
    const Rate exact = Measure(view, queries, k, true);
    const Rate codes = Measure(view, queries, k, false);
    fmt::print(
        "{:<11} append {:5.2f} M/s   exact {:6.1f} M rows/s   codes {:6.1f} M rows/s ({:.2f} x), "
        "{:.3f} % rescored\n",
        kernels->name, static_cast<double>(rows) / append_seconds / 1e6,
        exact.rows_per_second / 1e6, codes.rows_per_second / 1e6,
        codes.rows_per_second / exact.rows_per_second, codes.rescored_share * 100);
  }
}
