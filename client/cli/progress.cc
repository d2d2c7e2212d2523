#include "client/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "client/cli/output.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"

namespace kith::cli {

std::string FormatClock(double seconds) {
  const auto whole = static_cast<uint64_t>(std::llround(std::clamp(seconds, 0.0, 359999.0)));
  const uint64_t hours = whole / 3600;
  const uint64_t minutes = whole / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, whole % 60)
                   : fmt::format("{}:{:02}", minutes, whole % 60);
}

std::string FormatProgress(const ProgressState& state, size_t columns) {
  constexpr size_t kBar = 20;
  std::string line = state.label;
  if (state.total > 0) {
    const double share =
        std::min(1.0, static_cast<double>(state.done) / static_cast<double>(state.total));
    const auto filled = static_cast<size_t>(share * kBar);
    std::string bar(filled, '=');
    if (filled < kBar) bar += '>';
    bar.resize(kBar, ' ');
    line += fmt::format(" {:3.0f}% [{}]", std::floor(100 * share), bar);
  }
  line += fmt::format("  {} {}", Grouped(state.count), state.unit);
  if (state.seconds > 0 && state.count > 0) {
    const double rate = static_cast<double>(state.count) / state.seconds;
    line += rate < 10 ? fmt::format("  {:.1f}/s", rate) : fmt::format("  {:.0f}/s", rate);
  }
  if (state.done > 0 && state.done < state.total) {
    const double left = static_cast<double>(state.total - state.done);
    line += "  ETA " + FormatClock(state.seconds / static_cast<double>(state.done) * left);
  }
  return line.substr(0, columns);  // ASCII throughout
}

Progress::Progress(std::string label, std::string unit, uint64_t total)
    : enabled_(IsTerminal(stderr)) {
  state_.label = std::move(label);
  state_.unit = std::move(unit);
  state_.total = total;
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void Progress::Update(uint64_t done, uint64_t count) {
  if (!enabled_) return;
  state_.done = done;
  state_.count = count;
  const Clock::time_point now = Clock::now();
  if (visible_ && now - last_drawn_ < std::chrono::milliseconds(100)) return;
  last_drawn_ = now;
  visible_ = true;
  state_.seconds = seconds();
  // "\x1b[K" clears what a longer line left behind.
  const std::string line = "\r" + FormatProgress(state_, TerminalColumns(stderr) - 1) + "\x1b[K";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

void Progress::Clear() {
  if (!visible_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  visible_ = false;
}

}  // namespace kith::cli
