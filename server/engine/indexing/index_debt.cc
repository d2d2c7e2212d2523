#include "server/engine/indexing/index_debt.h"

#include <algorithm>

#include "absl/time/time.h"
#include "kith/base/error.h"

namespace kith::engine {
namespace {

// The weight of the newest seal.
constexpr double kNewest = 0.3;

}  // namespace

void IndexDebt::NoteSealed(uint64_t rows, double seconds) {
  if (rows == 0 || seconds <= 0) return;
  const double rate = static_cast<double>(rows) / seconds;
  const double before = rows_per_second();
  // Two seals that end at once may lose one of their notes, which does no harm.
  rate_.store(before == 0 ? rate : before + kNewest * (rate - before), std::memory_order_relaxed);
}

absl::Status IndexDebt::CheckWrite() const {
  const uint64_t debt = rows();
  const uint64_t limit = options_->debt_refused_rows;
  if (debt < limit) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, reason::kIndexDebt,
               "{} passages wait to be indexed, the limit is {}: write more slowly, give the index "
               "more threads or the server more processors",
               debt, limit)
      .With("debt", debt)
      .With("limit", limit)
      .RetryAfter(absl::Seconds(2));
}

std::chrono::nanoseconds IndexDebt::PauseAfter(uint64_t written) const {
  const uint64_t debt = rows();
  if (debt < options_->debt_paced_rows || written == 0) return {};
  const uint64_t span =
      std::max<uint64_t>(1, options_->debt_refused_rows -
                                std::min(options_->debt_refused_rows, options_->debt_paced_rows));
  const double over = std::min(
      1.0, static_cast<double>(debt - options_->debt_paced_rows) / static_cast<double>(span));
  const double rate = rows_per_second();
  const std::chrono::duration<double> most = options_->pace_max;
  // Nothing was sealed yet: there is no rate to follow.
  if (rate == 0) return std::chrono::duration_cast<std::chrono::nanoseconds>(most * over);
  const double allowed = rate * (2.0 - 1.5 * over);
  const std::chrono::duration<double> pause(static_cast<double>(written) / allowed);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::min(pause, most));
}

}  // namespace kith::engine
