// A progress line on a terminal, for work of which the total is known:
//
//   ingest   45% [=========>          ]  1,234 documents  310/s  ETA 0:12
//
// Written to stderr, and only if that is a terminal; redrawn at most ten times a second.
// Progress is not thread-safe.

#ifndef KITH_CLIENT_CLI_PROGRESS_H_
#define KITH_CLIENT_CLI_PROGRESS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kith::cli {

struct ProgressState {
  std::string label;   // "ingest"; ASCII, as the unit
  std::string unit;    // "documents"
  uint64_t count = 0;  // documents so far
  uint64_t done = 0;   // of total, in a unit of its own (bytes, say)
  uint64_t total = 0;  // 0: unknown
  double seconds = 0;  // since the start
};

// The line, at most `columns` wide.
std::string FormatProgress(const ProgressState& state, size_t columns);

// "0:12", "1:02:03"
std::string FormatClock(double seconds);

class Progress {
 public:
  Progress(std::string label, std::string unit, uint64_t total);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(uint64_t done, uint64_t count);
  // Takes the line away, so that something else can be printed; the next Update draws it again.
  void Clear();
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  const bool enabled_;  // stderr is a terminal
  const Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_;
  ProgressState state_;
  bool visible_ = false;
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_PROGRESS_H_
