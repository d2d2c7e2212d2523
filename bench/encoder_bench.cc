// How fast the encoder is, beside the fastest that its own or oneDNN's products go on the same core
// in the same run.
//
//   encoder_bench (--model DIR | --random minilm-l6|bge-base) [--texts FILE.jsonl] [--precision P]
//                 [--threads N] [--mode batch|mixed|query] [--json]
//
// batch: 32 sequences of 128 tokens; mixed: 512 of 8 to 208; query: one at a time, of 4 to 32
// tokens. With one thread the clock is that thread's own processor time, since machines are shared;
// with more it is the wall's. For bench/encoder_peer: --write-model, --sequences and --embeddings.

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "encoder/encoder.h"
#include "encoder/gemm.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "tests/encoder/model_files.h"

namespace kith::encoder {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;
using Times = std::vector<double>;  // seconds

struct Options {
  std::string model, random, texts, precision, kernels, mode = "batch";
  std::string write_model, sequences, embeddings;
  int threads = 1, rounds = 0;
  double seconds = 2;
  bool as_json = false;
};

double Now(bool of_this_thread) {
  timespec now;
  ::clock_gettime(of_this_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double Seconds(bool of_this_thread, const std::function<void()>& run) {
  const double start = Now(of_this_thread);
  run();
  return Now(of_this_thread) - start;
}

double Quantile(Times times, double q) {
  std::sort(times.begin(), times.end());
  return times[static_cast<size_t>(q * static_cast<double>(times.size() - 1) + 0.5)];
}

void Require(const absl::Status& status) {
  if (status.ok()) return;
  fmt::print(stderr, "{}\n", std::string(status.message()));
  std::exit(1);
}

// GFLOP/s of products whose operands stay in the caches: the best of a few, by our kernels and, in
// float32, oneDNN's.
double PeakGflops(const EncoderInfo& info) {
  constexpr int kRows = 120, kSize = 768;
  std::vector<float> x(kRows * kSize, 0.5f), w(kSize * kSize, 0.25f), bias(kSize), y(x.size());
  std::vector<std::string> sets = {info.kernels};
  if (info.precision == "float32") sets.push_back("onednn");
  double best = 1e9;
  for (const std::string& set : sets) {
    const auto arithmetic = ChooseArithmetic({set, info.precision});
    Require(arithmetic.status());
    const LinearWeights weights(w.data(), bias.data(), kSize, kSize, *arithmetic);
    LinearScratch scratch(kRows, kSize);
    for (int i = 0; i < 20; ++i) {
      best =
          std::min(best, Seconds(true, [&] {
                     Require(weights.Apply(x.data(), kRows, Epilogue::kStore, y.data(), &scratch));
                   }));
    }
  }
  return 2.0 * kRows * kSize * kSize / best / 1e9;
}

double Flops(const EncoderInfo& info, size_t tokens) {
  const double c = info.dimension, f = info.intermediate_size, t = static_cast<double>(tokens);
  return info.num_layers * t * (2 * (4 * c * c + 2 * c * f) + 4 * t * c);
}

std::vector<Ids> RandomSequences(int count, int shortest, int longest, const EncoderInfo& info) {
  std::mt19937 random(12);
  longest = std::min(longest, info.max_tokens);
  std::vector<Ids> sequences(static_cast<size_t>(count));
  for (Ids& ids : sequences) {
    ids.resize(static_cast<uint32_t>(shortest) +
               random() % static_cast<uint32_t>(longest - shortest + 1));
    for (int32_t& id : ids) {
      id = static_cast<int32_t>(random() % static_cast<uint32_t>(info.vocab_size));
    }
  }
  return sequences;
}

std::vector<json> ReadLines(const std::string& path) {
  std::ifstream file(path);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
  if (lines.empty()) Require(absl::NotFoundError(fmt::format("{} has no lines", path)));
  return lines;
}

std::vector<Ids> SequencesOf(const Options& options, const Encoder& encoder) {
  std::vector<Ids> sequences;
  if (!options.sequences.empty()) {
    for (const json& line : ReadLines(options.sequences)) sequences.push_back(line.get<Ids>());
  } else if (!options.texts.empty()) {
    for (const json& line : ReadLines(options.texts)) {
      sequences.push_back(
          encoder.Prepare(line.at("text").get<std::string>(), Role::kPassage).token_ids);
    }
  } else if (options.mode == "mixed") {
    return RandomSequences(512, 8, 208, encoder.info());
  } else if (options.mode == "query") {
    for (int length = 4; length <= 32; length += 4) {
      sequences.push_back(RandomSequences(1, length, length, encoder.info())[0]);
    }
  } else {
    return RandomSequences(32, 128, 128, encoder.info());
  }
  return sequences;
}

void Encode(const Encoder& encoder, std::span<const Ids> sequences, RunState* state, float* out) {
  const std::vector<std::span<const int32_t>> spans(sequences.begin(), sequences.end());
  Require(encoder.Forward(spans, state, out, Call::Background()));
}

// Shares of the sequences to threads, as the server's queue deals them.
void EncodeAll(const Encoder& encoder, const std::vector<Ids>& sequences, int threads,
               const std::vector<std::unique_ptr<RunState>>& states, float* out) {
  if (threads == 1) return Encode(encoder, sequences, states[0].get(), out);
  constexpr size_t kShare = 8;
  std::atomic<size_t> next = 0;  // orders nothing: each share is one thread's alone
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, state = states[static_cast<size_t>(t)].get()] {
      for (size_t i; (i = next.fetch_add(kShare, std::memory_order_relaxed)) < sequences.size();) {
        const size_t count = std::min(kShare, sequences.size() - i);
        Encode(encoder, {sequences.data() + i, count}, state,
               out + i * static_cast<size_t>(encoder.info().dimension));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
}

// Rounds until there are enough of them and they took long enough together.
Times Rounds(const Options& options, const std::function<void()>& run) {
  run();  // once to warm up
  Times times;
  double total = 0;
  while (options.rounds > 0 ? static_cast<int>(times.size()) < options.rounds
                            : times.size() < 3 || total < options.seconds) {
    times.push_back(Seconds(options.threads == 1, run));
    total += times.back();
  }
  return times;
}

json Measure(const Options& options, const Encoder& encoder, const std::vector<Ids>& sequences) {
  const EncoderInfo& info = encoder.info();
  std::vector<std::unique_ptr<RunState>> states;
  for (int t = 0; t < options.threads; ++t) states.push_back(encoder.NewRunState());
  std::vector<float> out(sequences.size() * static_cast<size_t>(info.dimension));
  double peak = PeakGflops(info);
  Times times, batches;
  std::map<size_t, Times> by_length;
  if (options.mode == "query") {
    batches = Rounds(options, [&] {
      for (const Ids& ids : sequences) {
        const double seconds = Seconds(options.threads == 1, [&] {
          Encode(encoder, {&ids, 1}, states[0].get(), out.data());
        });
        times.push_back(seconds);
        by_length[ids.size()].push_back(seconds);
      }
    });
  } else {
    batches = Rounds(options,
                     [&] { EncodeAll(encoder, sequences, options.threads, states, out.data()); });
    times = batches;
  }
  if (!options.embeddings.empty()) {
    EncodeAll(encoder, sequences, options.threads, states, out.data());
    std::ofstream file(options.embeddings);
    const auto dimension = static_cast<ptrdiff_t>(info.dimension);
    for (auto row = out.begin(); row != out.end(); row += dimension) {
      file << json(std::vector<float>(row, row + dimension)).dump() << "\n";
    }
  }
  peak = std::max(peak, PeakGflops(info));  // others may have used the machine during one of them
  size_t tokens = 0;
  double flops = 0;
  for (const Ids& ids : sequences) {
    tokens += ids.size();
    flops += Flops(info, ids.size());
  }
  const double median = Quantile(batches, 0.5), best = Quantile(batches, 0);
  json report = {{"mode", options.mode},
                 {"precision", info.precision},
                 {"kernels", info.kernels},
                 {"threads", options.threads},
                 {"sequences", sequences.size()},
                 {"tokens", tokens},
                 {"sentences_per_s", static_cast<double>(sequences.size()) / median},
                 {"tokens_per_s", static_cast<double>(tokens) / median},
                 {"best_sentences_per_s", static_cast<double>(sequences.size()) / best},
                 {"p50_ms", Quantile(times, 0.5) * 1e3},
                 {"p99_ms", Quantile(times, 0.99) * 1e3},
                 {"best_ms", Quantile(times, 0) * 1e3},
                 {"peak_gflops", peak},
                 {"share_of_peak", flops / best / 1e9 / peak / options.threads},
                 {"memory_bytes", info.memory_bytes},
                 {"state_bytes", states[0]->memory_bytes()}};
  for (const auto& [length, of_length] : by_length) {
    report["by_length"].push_back({{"tokens", length},
                                   {"p50_ms", Quantile(of_length, 0.5) * 1e3},
                                   {"best_ms", Quantile(of_length, 0) * 1e3}});
  }
  return report;
}

void Print(const json& report) {
  fmt::print("{} {} by {}, {} threads: {} sequences, {} tokens\n",
             report["mode"].get<std::string>(), report["precision"].get<std::string>(),
             report["kernels"].get<std::string>(), report["threads"].get<int>(),
             report["sequences"].get<size_t>(), report["tokens"].get<size_t>());
  fmt::print(
      "  {:.1f} sentences/s, {:.0f} tokens/s, p50 {:.3f} ms, p99 {:.3f} ms, best {:.3f} ms, {:.1f} "
      "% "
      "of {:.1f} GFLOP/s\n",
      report["sentences_per_s"].get<double>(), report["tokens_per_s"].get<double>(),
      report["p50_ms"].get<double>(), report["p99_ms"].get<double>(),
      report["best_ms"].get<double>(), 100 * report["share_of_peak"].get<double>(),
      report["peak_gflops"].get<double>());
  if (!report.contains("by_length")) return;
  for (const json& length : report["by_length"]) {
    fmt::print("  {:3} tokens: p50 {:.3f} ms, best {:.3f} ms\n", length["tokens"].get<size_t>(),
               length["p50_ms"].get<double>(), length["best_ms"].get<double>());
  }
}

testing::ModelShape ShapeOf(const std::string& name) {
  testing::ModelShape shape = {
      .layers = 6, .hidden = 384, .heads = 12, .inner = 1536, .vocab = 30'522, .positions = 512};
  if (name == "bge-base") {
    shape.layers = 12;
    shape.hidden = 768;
    shape.inner = 3072;
  }
  return shape;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Measures the encoder.");
  auto* model = app.add_option("--model", options.model, "A model's directory");
  app.add_option("--random", options.random, "Random weights in a known shape")
      ->check(CLI::IsMember({"minilm-l6", "bge-base"}))
      ->excludes(model);
  app.add_option("--texts", options.texts, "Lines of {\"text\": ...}");
  app.add_option("--sequences", options.sequences, "Lines of [token ids]");
  app.add_option("--embeddings", options.embeddings, "Write the embeddings there, one a line");
  app.add_option("--write-model", options.write_model, "Write the random model there, and end");
  app.add_option("--precision", options.precision, "f32, bf16 or int8; by default the encoder's");
  app.add_option("--kernels", options.kernels, "The instruction set; by default the best");
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 1024));
  app.add_option("--mode", options.mode)->check(CLI::IsMember({"batch", "mixed", "query"}));
  app.add_option("--seconds", options.seconds, "Measure at least so long");
  app.add_option("--rounds", options.rounds, "Or so many rounds");
  app.add_flag("--json", options.as_json);
  CLI11_PARSE(app, argc, argv);

  testing::ModelDir random_model;
  if (options.model.empty()) {
    WriteRandomModel(ShapeOf(options.random), 1, &random_model);
    options.model = random_model.path();
  }
  if (!options.write_model.empty()) {
    std::filesystem::copy(options.model, options.write_model,
                          std::filesystem::copy_options::recursive);
    return 0;
  }
  const auto encoder = Encoder::Load(options.model, "", {options.kernels, options.precision});
  Require(encoder.status());
  const json report = Measure(options, **encoder, SequencesOf(options, **encoder));
  if (options.as_json) {
    fmt::print("{}\n", report.dump());
  } else {
    Print(report);
  }
  return 0;
}

}  // namespace
}  // namespace kith::encoder

int main(int argc, char** argv) { return kith::encoder::Main(argc, argv); }
