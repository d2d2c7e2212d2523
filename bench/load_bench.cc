// load_bench: how long it takes until sealed segments answer their first search, beside hnswlib's
// loadIndex of the same rows.
//
//   load_bench --segment DATA/segments/1/0-82 --segment DATA/segments/1/0-155 --dim 384 --scratch
//   peer.hnsw
//
// hnswlib's file is made of the segments' rows with a small ef_construction: loading reads as many
// bytes of a good graph; a file that is there already is taken as it is. Rounds take turns; with
// --cold each begins with the files dropped from the page cache (where the system does that for
// whoever asks).

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/hnswlib_peer.h"
#include "bench/index_data.h"
#include "fmt/format.h"
#include "index/index_view.h"
#include "index/kernels/kernels.h"
#include "index/sealed_parts.h"
#include "index/sealed_segment.h"
#include "index/search.h"
#include "kith/base/status_macros.h"

namespace kith::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  std::vector<std::string> segments;
  std::string scratch;
  uint32_t dim = 384, threads = 2, rounds = 5;
  bool cold = false;
};

// Wall seconds, and seconds of this process on processors.
struct Took {
  double wall = 0;
  double cpu = 0;
};

Took Now() {
  timespec cpu;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  return {std::chrono::duration<double>(Clock::now().time_since_epoch()).count(),
          static_cast<double>(cpu.tv_sec) + 1e-9 * static_cast<double>(cpu.tv_nsec)};
}

Took Since(const Took& begin) {
  const Took now = Now();
  return {now.wall - begin.wall, now.cpu - begin.cpu};
}

void DropFromCache(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  (void)posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  close(file);
}

double Median(std::vector<Took> all, double Took::*what) {
  std::sort(all.begin(), all.end(),
            [what](const Took& a, const Took& b) { return a.*what < b.*what; });
  return all[all.size() / 2].*what;
}

int Fail(const absl::Status& status) {
  fmt::print(stderr, "{}\n", status.ToString());
  return 1;
}

absl::StatusOr<index::SearchResult> OpenAndSearch(const index::IndexOptions& options,
                                                  const std::vector<index::SegmentPaths>& all,
                                                  const std::vector<float>& query) {
  std::vector<index::SegmentView> views;
  for (const index::SegmentPaths& paths : all) {
    KITH_ASSIGN_OR_RETURN(auto segment,
                          index::SealedSegment::Open(options, paths, Call::Background()));
    index::SegmentView& view = views.emplace_back();
    view.visible = segment->rows();
    view.sealed = std::move(segment);
  }
  index::SearchScratch scratch;
  return index::Search(index::IndexView(options, std::move(views), 0), {.queries = query},
                       Call::Background(), scratch);
}

int Run(const Flags& flags) {
  const index::IndexOptions options = {
      .dimension = flags.dim, .metric = index::Metric::kCosine, .kernels = &index::BestKernels()};
  std::vector<index::SegmentPaths> all;
  for (const std::string& name : flags.segments) all.push_back({name + ".graph", name + ".rows"});
  Vectors base = {flags.dim, {}};
  for (const index::SegmentPaths& paths : all) {
    const auto segment = index::SealedSegment::Open(options, paths, Call::Background());
    if (!segment.ok()) return Fail(segment.status());
    for (uint32_t slot = 0; slot < (*segment)->rows(); ++slot) {
      const index::ExactRow row = (*segment)->parts().exact->Row(slot);
      if (row.values == nullptr) return Fail((*segment)->parts().exact->DamageOf(slot));
      base.values.insert(base.values.end(), row.values, row.values + flags.dim);
    }
  }
  const std::vector<float> query(base.row(base.count() / 2),
                                 base.row(base.count() / 2) + flags.dim);
  const size_t rows = base.count();
  if (!std::filesystem::exists(flags.scratch)) {
    fmt::print(stderr, "{} rows; building hnswlib's graph\n", rows);
    Normalise(base);
    const HnswlibPeer peer(base, true, 16, 16, flags.threads);
    peer.Save(flags.scratch);
  }
  base = {};

  std::vector<Took> kith, hnswlib;
  for (uint32_t round = 0; round < flags.rounds; ++round) {
    if (flags.cold) {
      for (const index::SegmentPaths& paths : all) {
        DropFromCache(paths.graph);
        DropFromCache(paths.rows);
      }
      DropFromCache(flags.scratch);
    }
    {
      const Took begin = Now();
      const auto found = OpenAndSearch(options, all, query);
      if (!found.ok()) return Fail(found.status());
      kith.push_back(Since(begin));
    }
    {
      const Took begin = Now();
      const HnswlibPeer peer(flags.scratch, flags.dim, true);
      std::vector<uint32_t> found;
      peer.Search(query.data(), 10, 100, found);
      hnswlib.push_back(Since(begin));
    }
    fmt::print(stderr, "round {}: kith {:.3f} s (cpu {:.3f}), hnswlib {:.3f} s (cpu {:.3f})\n",
               round, kith.back().wall, kith.back().cpu, hnswlib.back().wall, hnswlib.back().cpu);
  }
  for (const auto& [name, what] : {std::pair("wall", &Took::wall), std::pair("cpu", &Took::cpu)}) {
    const double ours = Median(kith, what);
    const double theirs = Median(hnswlib, what);
    fmt::print(
        "{{\"clock\": \"{}\", \"rows\": {}, \"cold\": {}, \"kith_s\": {:.4f}, \"hnswlib_s\": "
        "{:.4f}, \"ratio\": {:.4f}}}\n",
        name, rows, flags.cold, ours, theirs, ours / theirs);
  }
  return 0;
}

}  // namespace
}  // namespace kith::bench

int main(int argc, char** argv) {
  kith::bench::Flags flags;
  CLI::App app("Time until the first search, beside hnswlib's loadIndex");
  app.add_option("--segment", flags.segments,
                 "A sealed segment of cosine: its files without .graph")
      ->required();
  app.add_option("--scratch", flags.scratch, "Where hnswlib's file is written")->required();
  app.add_option("--dim", flags.dim, "Dimension")->check(CLI::Range(1, 4096));
  app.add_option("--threads", flags.threads, "For hnswlib's build")->check(CLI::Range(1, 256));
  app.add_option("--rounds", flags.rounds, "The median counts")->check(CLI::Range(1, 1000));
  app.add_flag("--cold", flags.cold, "Drop the files from the page cache before each round");
  CLI11_PARSE(app, argc, argv);
  return kith::bench::Run(flags);
}
