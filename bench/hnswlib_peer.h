// hnswlib as it comes: float32, compiled with all that this machine's processor has
// (-march=native), which the rest of Kith is not. And exact search by the same means, for the
// truth.

#ifndef KITH_BENCH_HNSWLIB_PEER_H_
#define KITH_BENCH_HNSWLIB_PEER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/index_data.h"

namespace kith::bench {

class HnswlibPeer {
 public:
  // Rows under cosine are normalised by the caller; `inner_product` then serves cosine and dot.
  HnswlibPeer(const Vectors& base, bool inner_product, uint32_t m, uint32_t ef_construction,
              uint32_t threads);
  // Loads what Save wrote.
  HnswlibPeer(const std::string& path, uint32_t dimension, bool inner_product);
  ~HnswlibPeer();

  void Save(const std::string& path) const;

  // The rows found, nearest first.
  void Search(const float* query, uint32_t k, uint32_t ef, std::vector<uint32_t>& rows) const;

  double bytes_per_vector() const;

 private:
  struct Index;
  std::unique_ptr<Index> index_;
};

// The k nearest rows of every query, [queries][k], nearest first.
std::vector<uint32_t> ExactNearest(const Vectors& base, const Vectors& queries, bool inner_product,
                                   uint32_t k, uint32_t threads);

}  // namespace kith::bench

#endif  // KITH_BENCH_HNSWLIB_PEER_H_
