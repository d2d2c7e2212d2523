// How fast the encoder is on one core, beside the fastest that oneDNN's sgemm goes on the same core
// in the same run.
//
//   encoder_bench [MODEL_DIR]     default: random weights in the shape of all-MiniLM-L6-v2
//
// (a) 32 sequences of 128 tokens; (b) 256 sequences of 8 to 208 tokens; (c) one query of 12 tokens.

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>
#include <vector>

#include "encoder/encoder.h"
#include "encoder/onednn.h"
#include "fmt/format.h"
#include "tests/encoder/model_files.h"

namespace kith::encoder {
namespace {

using Clock = std::chrono::steady_clock;
using Ids = std::vector<int32_t>;

double Seconds(const std::function<void()>& run) {
  const auto start = Clock::now();
  run();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Sorted times of at least `runs` runs that take two seconds together.
std::vector<double> Times(int runs, const std::function<void()>& run) {
  run();  // once to warm up
  std::vector<double> times;
  double total = 0;
  while (static_cast<int>(times.size()) < runs || total < 2.0) {
    times.push_back(Seconds(run));
    total += times.back();
  }
  std::sort(times.begin(), times.end());
  return times;
}

// GFLOP/s of large products: what the machine gives at this moment.
double PeakGflops() {
  constexpr int kSize = 1024;
  std::vector<float> a(kSize * kSize, 0.5f), b(kSize * kSize, 0.25f), c(kSize * kSize);
  const auto times = Times(10, [&] {
    if (!OneDnnMultiply(kSize, kSize, kSize, {a.data(), kSize}, {b.data(), kSize}, false, {c.data(), kSize})
             .ok()) {
      fmt::print(stderr, "the product failed\n");
    }
  });
  return 2.0 * kSize * kSize * kSize / times.front() / 1e9;
}

double Flops(const EncoderInfo& info, const std::vector<Ids>& sequences) {
  const double c = info.dimension, f = info.intermediate_size;
  double flops = 0;
  for (const Ids& ids : sequences) {
    const double t = static_cast<double>(ids.size());
    flops += info.num_layers * t * (2 * (4 * c * c + 2 * c * f) + 4 * t * c);
  }
  return flops;
}

std::vector<Ids> RandomSequences(int count, int shortest, int longest, int vocab) {
  std::mt19937 random(12);
  std::vector<Ids> sequences(static_cast<size_t>(count));
  for (Ids& ids : sequences) {
    const auto spread = static_cast<uint32_t>(longest - shortest + 1);
    ids.resize(static_cast<uint32_t>(shortest) + random() % spread);
    for (int32_t& id : ids) id = static_cast<int32_t>(random() % static_cast<uint32_t>(vocab));
  }
  return sequences;
}

void Measure(const char* what, const Encoder& encoder, const std::vector<Ids>& sequences,
             int runs) {
  const std::vector<std::span<const int32_t>> spans(sequences.begin(), sequences.end());
  const auto state = encoder.NewRunState();
  std::vector<float> out(spans.size() * static_cast<size_t>(encoder.info().dimension));
  const double peak_before = PeakGflops();
  const auto times = Times(runs, [&] {
    const absl::Status status = encoder.Forward(spans, state.get(), out.data(), Call::Background());
    if (!status.ok()) fmt::print(stderr, "{}\n", std::string(status.message()));
  });
  // Others may have used the machine during one of them.
  const double peak = std::max(peak_before, PeakGflops());
  const double best = times.front(), median = times[times.size() / 2];
  const double gflops = Flops(encoder.info(), sequences) / best / 1e9;
  fmt::print(
      "{:<28} best {:8.3f} ms  p50 {:8.3f} ms  {:8.1f} sequences/s  {:6.1f} GFLOP/s  "
      "{:5.1f} % of sgemm's {:.1f}\n",
      what, best * 1e3, median * 1e3, static_cast<double>(sequences.size()) / best, gflops,
      100 * gflops / peak, peak);
}

int Main(int argc, char** argv) {
  testing::ModelDir random_model;
  std::filesystem::path dir = random_model.path();
  if (argc > 1) {
    dir = argv[1];
  } else {
    WriteRandomModel(
        {.layers = 6, .hidden = 384, .heads = 12, .inner = 1536, .vocab = 30'522, .positions = 512},
        1, &random_model);
  }
  const auto encoder = Encoder::Load(dir);
  if (!encoder.ok()) {
    fmt::print(stderr, "{}\n", std::string(encoder.status().message()));
    return 1;
  }
  const EncoderInfo& info = (*encoder)->info();
  fmt::print("L{} H{} A{} FFN{}, {:.1f} M parameters, {:.1f} MB, kernels {}, one core\n",
             info.num_layers, info.dimension, info.num_heads, info.intermediate_size,
             static_cast<double>(info.parameters) / 1e6,
             static_cast<double>(info.memory_bytes) / 1e6, info.kernels);
  const int longest = std::min(208, info.max_tokens);
  Measure("(a) 32 x 128 tokens", **encoder, RandomSequences(32, 128, 128, info.vocab_size), 3);
  Measure("(b) 256 x 8..208 tokens", **encoder, RandomSequences(256, 8, longest, info.vocab_size),
          3);
  Measure("(c) one query, 12 tokens", **encoder, RandomSequences(1, 12, 12, info.vocab_size), 100);
  return 0;
}

}  // namespace
}  // namespace kith::encoder

int main(int argc, char** argv) { return kith::encoder::Main(argc, argv); }
