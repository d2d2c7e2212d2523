// Sampled rows ask for their neighbours: by a scan of all codes, by walks with wider and wider
// pools until nearly everything is found or a scan would be cheaper, and exactly, which is the
// truth. Every candidate list is scored in the way of a search (RescoreInOrder), for each rank and
// up to each cap.
//
// A row that asks is not a query that asks: its own node leads straight to its neighbours, which
// were chosen for it. So a walk does not see the sample's own node, as if the row had been left out
// of the graph; what is measured then holds for queries from where the rows come from.
//
// The truth costs most. Where codes are good enough, all of the best 100 rows are so near the front
// of the scan's candidates that one behind the last of these is not to be thought of, and exact
// scores of the candidates tell the truth. Where they are not, all rows are scored.

#include "index/recall_sampling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <vector>

#include "index/code_hits.h"
#include "index/graph/code_scorer.h"
#include "index/graph/graph_walk.h"
#include "index/parallel.h"
#include "index/query.h"
#include "index/top_k.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

constexpr uint32_t kSamples = 128;
constexpr uint32_t kSamplesAtOnce = 8;  // that look at a row while it is in the cache
constexpr uint32_t kRowsPerCheck = 1024;
// The truth is taken from the scan's candidates when all of it is in this share of them.
constexpr uint32_t kSureShare = 4;
// The least are for segments that are asked for two or three rows (rank_share.h).
constexpr uint32_t kPools[] = {3,   5,   7,   10,  14,  20,  28,  40,   56,   80,
                               112, 160, 224, 320, 448, 640, 896, 1280, 1792, 2560};
// A walk of so many times a scan's cost is of no use to anybody.
constexpr double kUselessCost = 1.5;
constexpr float kEnough = 0.9995f;

constexpr size_t kRankCount = RecallCurve::kRanks.size();
constexpr size_t kFactors = RecallCurve::kCapFactors.size();

struct Scored {
  float score;
  uint32_t ordinal;  // its slot: the same order
};

struct Sample {
  uint32_t slot = 0;
  uint32_t node = 0;
  QuerySet exact;
  CodeQuery coded;
  std::array<uint32_t, kRankCount> wanted = {};  // k, or as many as there are
  std::array<float, kRankCount> floor = {};      // the score of the last of them
  std::vector<CodeHit> scanned;                  // candidates of the scan, itself left out
  bool sure = false;                             // they hold the truth
};

// What one sample saw of one way.
struct Seen {
  double distances = 0;
  double way_ns = 0;
  double score_ns = 0;
  double scored = 0;
  std::array<std::array<float, kFactors>, kRankCount> recall;
  std::array<std::array<float, kFactors>, kRankCount> rescored;
};

// How searches score, but for one node, which is farther than any row: a walk goes there last of
// all.
struct ScorerOfOthers : CodeScorer {
  uint32_t unseen;

  void operator()(const uint32_t* nodes, size_t count, float* distances) const {
    CodeScorer::operator()(nodes, count, distances);
    for (size_t n = 0; n < count; ++n) {
      if (nodes[n] == unseen) distances[n] = std::numeric_limits<float>::max();
    }
  }
};

// Of this thread alone, so that a busy machine does not make a way look dear.
double CpuNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// Sample i of n among `rows`: evenly spread, at a random place in its share.
uint32_t SampleSlot(uint64_t i, uint64_t n, uint64_t rows, uint64_t seed) {
  uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15;  // splitmix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const uint64_t begin = i * rows / n;
  const uint64_t share = std::max<uint64_t>((i + 1) * rows / n - begin, 1);
  return static_cast<uint32_t>(begin + z % share);
}

class Sampling {
 public:
  Sampling(const SamplingInput& input, const Call& call)
      : input_(input), call_(call), walks_(input.threads) {}

  absl::StatusOr<RecallCurve> Measure(const std::function<void(uint64_t, uint64_t)>& progress);

 private:
  absl::Status TakeSamples();
  absl::Status Scan(RecallCurve::Data& data);
  bool FindTruthInScan(Sample& sample) const;
  absl::Status FindTruth();
  absl::Status FindTruthOf(std::span<Sample* const> samples) const;
  absl::Status SummariseScan(RecallCurve::Data& data);
  absl::Status Walk(uint32_t ef, RecallCurve::Data& data);
  void Rescore(const Sample& sample, std::span<const CodeHit> hits, Seen& seen) const;
  RecallCurve::Points Summarise() const;

  const SamplingInput& input_;
  const Call& call_;
  std::vector<Sample> samples_;
  std::vector<Seen> seen_;        // one a sample
  std::vector<GraphWalk> walks_;  // one a thread
  double walk_ns_ = 0;
  double walk_distances_ = 0;
};

absl::Status Sampling::TakeSamples() {
  const auto rows = static_cast<uint32_t>(input_.rows.size());
  const uint32_t count = rows < 2 ? 0 : std::min(kSamples, rows);
  samples_.resize(count);
  seen_.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    Sample& sample = samples_[i];
    sample.slot = SampleSlot(i, count, rows, input_.seed);
    const float* vector = input_.rows[sample.slot].values;
    KITH_RETURN_IF_ERROR(sample.exact.Prepare(input_.options, {vector, input_.options.dimension}));
    sample.coded.Prepare(*input_.coded.book, vector, *input_.options.kernels);
    for (size_t r = 0; r < kRankCount; ++r) {
      sample.wanted[r] = std::min(RecallCurve::kRanks[r], rows - 1);
    }
  }
  // Samples ascend, so that one pass over the graph's slots finds all of their nodes.
  const std::span<const uint32_t> slots = input_.coded.graph->slot_of_node();
  for (uint32_t node = 0; node < slots.size(); ++node) {
    const auto sample =
        std::lower_bound(samples_.begin(), samples_.end(), slots[node],
                         [](const Sample& a, uint32_t slot) { return a.slot < slot; });
    if (sample != samples_.end() && sample->slot == slots[node]) sample->node = node;
  }
  return absl::OkStatus();
}

// Candidates of a scan of all codes.
absl::Status Sampling::Scan(RecallCurve::Data& data) {
  KITH_RETURN_IF_ERROR(ParallelFor(
      input_.threads, samples_.size(), [&](uint32_t /*worker*/, size_t i) -> absl::Status {
        Sample& sample = samples_[i];
        const auto others = [&](uint32_t slot) { return slot != sample.slot; };
        const double begin = CpuNanoseconds();
        KITH_RETURN_IF_ERROR(ScanCodes(input_.coded, sample.coded, RecallCurve::kMaxScanCap, others,
                                       call_, sample.scanned));
        seen_[i].way_ns = CpuNanoseconds() - begin;
        sample.sure = FindTruthInScan(sample);
        return absl::OkStatus();
      }));
  double way_ns = 0;
  for (const Seen& seen : seen_) way_ns += seen.way_ns;
  const double scanned = static_cast<double>(samples_.size() * input_.rows.size());
  data.scan_ns = static_cast<float>(std::max(way_ns / scanned, 0.01));
  return absl::OkStatus();
}

// Of the samples that are sure of it.
bool Sampling::FindTruthInScan(Sample& sample) const {
  TopK<Scored> best;
  best.Reset(sample.wanted.back());
  for (uint32_t i = 0; i < sample.scanned.size(); ++i) {
    const ExactRow& row = input_.rows[sample.scanned[i].slot];
    best.Push({sample.exact.Score(row.values, row.norm), i});
  }
  const std::vector<Scored> truth = best.Take();
  for (size_t r = 0; r < kRankCount; ++r) sample.floor[r] = truth[sample.wanted[r] - 1].score;
  if (sample.scanned.size() + 1 >= input_.rows.size()) return true;
  return std::all_of(truth.begin(), truth.end(), [&](const Scored& row) {
    return row.ordinal < sample.scanned.size() / kSureShare;
  });
}

// Of the others.
absl::Status Sampling::FindTruth() {
  std::vector<Sample*> unsure;
  for (Sample& sample : samples_) {
    if (!sample.sure) unsure.push_back(&sample);
  }
  const size_t groups = (unsure.size() + kSamplesAtOnce - 1) / kSamplesAtOnce;
  return ParallelFor(input_.threads, groups, [&](uint32_t /*worker*/, size_t group) {
    const size_t begin = group * kSamplesAtOnce;
    const size_t count = std::min<size_t>(kSamplesAtOnce, unsure.size() - begin);
    return FindTruthOf(std::span(unsure).subspan(begin, count));
  });
}

absl::Status Sampling::FindTruthOf(std::span<Sample* const> samples) const {
  std::vector<TopK<Scored>> best(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) best[i].Reset(samples[i]->wanted.back());
  for (uint32_t slot = 0; slot < input_.rows.size(); ++slot) {
    if (slot % kRowsPerCheck == 0) KITH_RETURN_IF_ERROR(call_.Check());
    const ExactRow& row = input_.rows[slot];
    for (size_t i = 0; i < samples.size(); ++i) {
      if (samples[i]->slot == slot) continue;
      best[i].Push({samples[i]->exact.Score(row.values, row.norm), slot});
    }
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    const std::vector<Scored> truth = best[i].Take();
    for (size_t r = 0; r < kRankCount; ++r) {
      samples[i]->floor[r] = truth[samples[i]->wanted[r] - 1].score;
    }
  }
  return absl::OkStatus();
}

// A row that ties with the last of the truth is as good as it.
void Sampling::Rescore(const Sample& sample, std::span<const CodeHit> hits, Seen& seen) const {
  const double begin = CpuNanoseconds();
  std::vector<float> scores(hits.size());
  for (size_t i = 0; i < hits.size(); ++i) {
    const ExactRow& row = input_.rows[hits[i].slot];
    scores[i] = sample.exact.Score(row.values, row.norm);
  }
  seen.score_ns = CpuNanoseconds() - begin;
  seen.scored = static_cast<double>(scores.size());
  for (size_t r = 0; r < kRankCount; ++r) {
    TopK<Scored> best;
    best.Reset(sample.wanted[r]);
    RescoreInOrder<Scored> rescore(hits, sample.coded, best);
    size_t scored = 0;
    uint32_t found = 0;
    for (size_t f = 0; f < kFactors; ++f) {
      const uint32_t cap =
          RecallCurve::CapOf(f, RecallCurve::kRanks[r], static_cast<uint32_t>(hits.size()));
      // Scores are there already: this cannot fail.
      rescore
          .Advance(cap,
                   [&](uint32_t slot, Scored& item) {
                     item = {scores[scored++], slot};
                     if (item.score >= sample.floor[r]) ++found;
                     return absl::OkStatus();
                   })
          .IgnoreError();
      seen.recall[r][f] = static_cast<float>(std::min(found, sample.wanted[r])) /
                          static_cast<float>(sample.wanted[r]);
      seen.rescored[r][f] = static_cast<float>(rescore.scored());
    }
  }
}

RecallCurve::Points Sampling::Summarise() const {
  const double n = static_cast<double>(samples_.size());
  RecallCurve::Points points;
  for (size_t r = 0; r < kRankCount; ++r) {
    for (size_t f = 0; f < kFactors; ++f) {
      double sum = 0;
      double squares = 0;
      double rescored = 0;
      for (const Seen& seen : seen_) {
        sum += seen.recall[r][f];
        squares += double{seen.recall[r][f]} * seen.recall[r][f];
        rescored += seen.rescored[r][f];
      }
      const double mean = sum / n;
      const double variance = std::max(0.0, squares / n - mean * mean);
      points[r][f] = {static_cast<float>(mean), static_cast<float>(std::sqrt(variance / n)),
                      static_cast<float>(rescored / n)};
    }
  }
  return points;
}

absl::Status Sampling::SummariseScan(RecallCurve::Data& data) {
  KITH_RETURN_IF_ERROR(ParallelFor(input_.threads, samples_.size(),
                                   [&](uint32_t /*worker*/, size_t i) -> absl::Status {
                                     KITH_RETURN_IF_ERROR(call_.Check());
                                     Rescore(samples_[i], samples_[i].scanned, seen_[i]);
                                     samples_[i].scanned = {};
                                     return absl::OkStatus();
                                   }));
  double score_ns = 0;
  double scored = 0;
  for (const Seen& seen : seen_) {
    score_ns += seen.score_ns;
    scored += seen.scored;
  }
  data.rescore_ns = static_cast<float>(std::max(score_ns / std::max(scored, 1.0), 0.01));
  data.scan = Summarise();
  return absl::OkStatus();
}

absl::Status Sampling::Walk(uint32_t ef, RecallCurve::Data& data) {
  const CodedRows& coded = input_.coded;
  KITH_RETURN_IF_ERROR(
      ParallelFor(input_.threads, samples_.size(), [&](uint32_t worker, size_t i) -> absl::Status {
        GraphWalk& walk = walks_[worker];
        const Sample& sample = samples_[i];
        const ScorerOfOthers score = {{sample.coded, coded.codes, coded.book->row_bytes()},
                                      sample.node};
        const auto others = [&](uint32_t node) { return node != sample.node; };
        const double begin = CpuNanoseconds();
        KITH_RETURN_IF_ERROR(walk.Run(*coded.graph, score, {.ef = ef}, others, call_));
        seen_[i].way_ns = CpuNanoseconds() - begin;
        seen_[i].distances = static_cast<double>(walk.distances());
        std::vector<CodeHit> hits;
        hits.reserve(walk.found().size());
        for (const GraphWalk::Found& found : walk.found()) {
          hits.push_back({found.distance, coded.graph->slot(found.node)});
        }
        Rescore(sample, hits, seen_[i]);
        return absl::OkStatus();
      }));
  double distances = 0;
  for (const Seen& seen : seen_) {
    distances += seen.distances;
    walk_ns_ += seen.way_ns;
  }
  walk_distances_ += distances;
  data.walk_ns = static_cast<float>(std::max(walk_ns_ / std::max(walk_distances_, 1.0), 0.01));
  data.walks.push_back({.ef = ef,
                        .distances = static_cast<float>(distances / samples_.size()),
                        .points = Summarise()});
  return absl::OkStatus();
}

absl::StatusOr<RecallCurve> Sampling::Measure(
    const std::function<void(uint64_t, uint64_t)>& progress) {
  const uint64_t total = 2 + std::size(kPools);
  KITH_RETURN_IF_ERROR(TakeSamples());
  RecallCurve::Data data;
  data.rows = static_cast<uint32_t>(input_.rows.size());
  data.samples = static_cast<uint32_t>(samples_.size());
  if (samples_.empty()) return RecallCurve(std::move(data));
  progress(0, total);
  KITH_RETURN_IF_ERROR(Scan(data));
  KITH_RETURN_IF_ERROR(FindTruth());
  progress(1, total);
  KITH_RETURN_IF_ERROR(SummariseScan(data));
  for (const uint32_t ef : kPools) {
    if (ef > data.rows) break;
    progress(2 + data.walks.size(), total);
    KITH_RETURN_IF_ERROR(Walk(ef, data));
    const RecallCurve::Walk& walk = data.walks.back();
    const auto promised = [&](size_t r) {
      const RecallCurve::Point& point = walk.points[r].back();
      return point.recall - point.error;
    };
    if (promised(0) >= kEnough && promised(1) >= kEnough && promised(2) >= kEnough) break;
    if (walk.distances * data.walk_ns > kUselessCost * data.rows * data.scan_ns) break;
  }
  progress(total, total);
  return RecallCurve(std::move(data));
}

}  // namespace

absl::StatusOr<RecallCurve> MeasureRecallCurve(
    const SamplingInput& input, const Call& call,
    const std::function<void(uint64_t done, uint64_t total)>& progress) {
  return Sampling(input, call).Measure(progress);
}

}  // namespace kith::index
