#include "bench/hnswlib_peer.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

// Kith's library has hnswlib too, compiled otherwise: this copy goes by other names, or the linker
// would take one for both. Its header defines some functions outside its namespace.
#define hnswlib hnswlib_peer
#define cpuid hnswlib_peer_cpuid
#define xgetbv hnswlib_peer_xgetbv
#define AVXCapable HnswlibPeerAvxCapable
#define AVX512Capable HnswlibPeerAvx512Capable
#include <hnswlib/hnswlib.h>

namespace kith::bench {
namespace {

template <typename Work>
void InParallel(size_t count, uint32_t threads, const Work& work) {
  std::atomic<size_t> next{0};  // relaxed: it publishes nothing
  std::vector<std::thread> all;
  for (uint32_t t = 0; t < threads; ++t) {
    all.emplace_back([&] {
      for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) work(i);
    });
  }
  for (std::thread& thread : all) thread.join();
}

}  // namespace

struct HnswlibPeer::Index {
  std::unique_ptr<hnswlib::SpaceInterface<float>> space;
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> hnsw;

  Index(uint32_t dimension, bool inner_product) {
    if (inner_product) {
      space = std::make_unique<hnswlib::InnerProductSpace>(dimension);
    } else {
      space = std::make_unique<hnswlib::L2Space>(dimension);
    }
  }
};

HnswlibPeer::HnswlibPeer(const Vectors& base, bool inner_product, uint32_t m,
                         uint32_t ef_construction, uint32_t threads)
    : index_(std::make_unique<Index>(base.dimension, inner_product)) {
  index_->hnsw = std::make_unique<hnswlib::HierarchicalNSW<float>>(
      index_->space.get(), base.count(), m, ef_construction);
  index_->hnsw->addPoint(base.row(0), 0);
  InParallel(base.count() - 1, threads,
             [&](size_t i) { index_->hnsw->addPoint(base.row(i + 1), i + 1); });
}

HnswlibPeer::HnswlibPeer(const std::string& path, uint32_t dimension, bool inner_product)
    : index_(std::make_unique<Index>(dimension, inner_product)) {
  index_->hnsw = std::make_unique<hnswlib::HierarchicalNSW<float>>(index_->space.get(), path);
}

HnswlibPeer::~HnswlibPeer() = default;

void HnswlibPeer::Save(const std::string& path) const { index_->hnsw->saveIndex(path); }

void HnswlibPeer::Search(const float* query, uint32_t k, uint32_t ef,
                         std::vector<uint32_t>& rows) const {
  index_->hnsw->ef_ = ef;
  auto found = index_->hnsw->searchKnn(query, k);
  rows.resize(found.size());
  for (size_t i = rows.size(); i-- > 0; found.pop())
    rows[i] = static_cast<uint32_t>(found.top().second);
}

double HnswlibPeer::bytes_per_vector() const {
  const auto& hnsw = *index_->hnsw;
  double bytes = 0;
  for (size_t i = 0; i < hnsw.cur_element_count; ++i) {
    bytes += static_cast<double>(hnsw.size_data_per_element_ + sizeof(void*) +
                                 hnsw.size_links_per_element_ * hnsw.element_levels_[i]);
  }
  return bytes / static_cast<double>(hnsw.cur_element_count);
}

std::vector<uint32_t> ExactNearest(const Vectors& base, const Vectors& queries, bool inner_product,
                                   uint32_t k, uint32_t threads) {
  k = static_cast<uint32_t>(std::min<size_t>(k, base.count()));
  std::vector<uint32_t> truth(queries.count() * k);
  hnswlib::InnerProductSpace inner(base.dimension);
  hnswlib::L2Space l2(base.dimension);
  hnswlib::SpaceInterface<float>& space =
      inner_product ? static_cast<hnswlib::SpaceInterface<float>&>(inner) : l2;
  const auto distance = space.get_dist_func();
  InParallel(queries.count(), threads, [&](size_t q) {
    std::vector<std::pair<float, uint32_t>> all(base.count());
    for (size_t i = 0; i < all.size(); ++i) {
      all[i] = {distance(queries.row(q), base.row(i), space.get_dist_func_param()),
                static_cast<uint32_t>(i)};
    }
    std::partial_sort(all.begin(), all.begin() + k, all.end());
    for (uint32_t i = 0; i < k; ++i) truth[q * k + i] = all[i].second;
  });
  return truth;
}

}  // namespace kith::bench
