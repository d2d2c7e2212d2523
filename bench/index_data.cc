#include "bench/index_data.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>

#include "kith/base/error.h"

namespace kith::bench {
namespace {

constexpr uint32_t kClusters = 2000;
constexpr uint32_t kFactors = 32;    // directions that matter
constexpr double kSpread = 0.55;     // of a cluster, over that of the centres
constexpr double kIsotropic = 0.15;  // noise in all directions, likewise
constexpr double kZipfExponent = 0.8;

class Clusters {
 public:
  Clusters(uint32_t dimension, uint64_t seed)
      : dimension_(dimension), random_(seed), factors_(size_t{kFactors} * dimension) {
    for (float& x : factors_) x = Normal() / std::sqrt(static_cast<float>(dimension));
    centres_.resize(size_t{kClusters} * kFactors);
    for (float& x : centres_) x = Normal();
    std::vector<double> weights(kClusters);
    for (uint32_t i = 0; i < kClusters; ++i) weights[i] = std::pow(i + 1.0, -kZipfExponent);
    pick_ = std::discrete_distribution<uint32_t>(weights.begin(), weights.end());
  }

  Vectors Make(size_t count, std::vector<uint32_t>& clusters) {
    Vectors vectors = {dimension_, std::vector<float>(count * dimension_)};
    const float isotropic = static_cast<float>(kIsotropic * std::sqrt(kFactors)) /
                            std::sqrt(static_cast<float>(dimension_));
    for (size_t row = 0; row < count; ++row) {
      float* out = vectors.values.data() + row * dimension_;
      clusters.push_back(pick_(random_));
      const float* centre = centres_.data() + size_t{clusters.back()} * kFactors;
      for (uint32_t i = 0; i < dimension_; ++i) out[i] = isotropic * Normal();
      for (uint32_t f = 0; f < kFactors; ++f) {
        const float z = centre[f] + static_cast<float>(kSpread) * Normal();
        const float* factor = factors_.data() + size_t{f} * dimension_;
        for (uint32_t i = 0; i < dimension_; ++i) out[i] += z * factor[i];
      }
    }
    return vectors;
  }

 private:
  float Normal() { return normal_(random_); }

  const uint32_t dimension_;
  std::mt19937_64 random_;
  std::normal_distribution<float> normal_;
  std::discrete_distribution<uint32_t> pick_;
  std::vector<float> factors_;  // [kFactors][dimension]
  std::vector<float> centres_;  // [kClusters][kFactors]
};

}  // namespace

DataSet ClusteredData(size_t count, uint32_t dimension, size_t queries, uint64_t seed) {
  Clusters clusters(dimension, seed);
  DataSet data;
  data.base = clusters.Make(count, data.base_clusters);
  data.queries = clusters.Make(queries, data.query_clusters);
  return data;
}

DataSet GaussianData(size_t count, uint32_t dimension, size_t queries, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  const auto make = [&](size_t rows) {
    Vectors vectors = {dimension, std::vector<float>(rows * dimension)};
    for (float& x : vectors.values) x = normal(random);
    return vectors;
  };
  DataSet data;
  data.base = make(count);
  data.queries = make(queries);
  return data;
}

absl::StatusOr<Vectors> ReadFvecs(const std::string& path) {
  const auto refused = [&](const char* what) {
    return InvalidArgument(reason::kInvalidRequest, "{}: {}", path, what);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (file == nullptr) return refused("cannot be opened");
  Vectors vectors;
  int32_t dimension = 0;
  while (std::fread(&dimension, sizeof(dimension), 1, file.get()) == 1) {
    if (dimension < 1 || dimension > 4096) return refused("a dimension is not within 1..4096");
    if (vectors.dimension == 0) vectors.dimension = static_cast<uint32_t>(dimension);
    if (vectors.dimension != static_cast<uint32_t>(dimension)) return refused("dimensions differ");
    const size_t end = vectors.values.size();
    vectors.values.resize(end + vectors.dimension);
    if (std::fread(vectors.values.data() + end, sizeof(float), vectors.dimension, file.get()) !=
        vectors.dimension) {
      return refused("ends inside a vector");
    }
  }
  if (vectors.dimension == 0) return refused("holds no vector");
  return vectors;
}

void Normalise(Vectors& vectors) {
  for (size_t row = 0; row < vectors.count(); ++row) {
    float* values = vectors.values.data() + row * vectors.dimension;
    double squares = 0;
    for (uint32_t i = 0; i < vectors.dimension; ++i)
      squares += static_cast<double>(values[i]) * values[i];
    if (squares == 0) continue;
    const float scale = static_cast<float>(1 / std::sqrt(squares));
    for (uint32_t i = 0; i < vectors.dimension; ++i) values[i] *= scale;
  }
}

}  // namespace kith::bench
