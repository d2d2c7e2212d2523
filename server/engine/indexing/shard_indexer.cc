// When to do what; shard_indexer_run.cc does it.

#include "server/engine/indexing/shard_indexer.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "index/codes/code_kind.h"
#include "kith/base/error.h"
#include "server/engine/space_index.h"

namespace kith::engine {
namespace {

// How often those who asked for work are looked after: progress, cancellation.
constexpr std::chrono::milliseconds kAskedPoll{100};
// Merges of so many rows take minutes.
constexpr uint64_t kLongMergeRows = 200'000;
// The index is settled when nothing was written for so many times `idle`.
constexpr int kSettleIdles = 6;
// Metadata is folded when updates cover this share of a segment's rows; or, once nothing is
// written, when they are in so many runs that a filter takes notably longer.
constexpr double kFoldShare = 0.1;
constexpr size_t kFoldRuns = 4;

bool IsFoldDue(const index::SegmentView& segment, bool quiet) {
  if (segment.sealed == nullptr || segment.damaged()) return false;
  const auto rows = static_cast<double>(segment.metadata.overlay_rows());
  return rows > kFoldShare * segment.visible ||
         (quiet && segment.metadata.overlay().size() > kFoldRuns);
}

}  // namespace

ShardIndexer::ShardIndexer(const Services* services, SpaceIndex* space)
    : services_(services), space_(space), debt_(&services->indexing_options) {}

void ShardIndexer::Begin(std::unique_ptr<ManifestKeeper> manifest) {
  {
    absl::MutexLock lock(&mu_);
    records_ = manifest->record();
    next_id_ = records_.next_segment_id();
    manifest_ = std::move(manifest);
    begun_ = true;
  }
  Published(*space_->view());
  Look();
}

void ShardIndexer::Configure(const IndexSettings& settings) {
  absl::MutexLock lock(&mu_);
  settings_ = settings;
}

void ShardIndexer::Published(const View& view) {
  uint64_t waiting = 0;
  for (const index::SegmentView& segment : view.index.segments()) {
    if (segment.growing != nullptr) waiting += segment.visible;
  }
  debt_.Set(waiting);
  bool look = false;
  {
    absl::MutexLock lock(&mu_);
    if (!begun_ || stopped_) return;
    size_t closed = 0;
    for (size_t i = 0; i < view.index.segments().size(); ++i) {
      if (view.index.segments()[i].growing != nullptr && IsClosed(view.index, i)) ++closed;
    }
    const auto segments = view.index.segments();
    const bool full = !segments.empty() && segments.back().growing != nullptr &&
                      segments.back().visible >= services_->indexing_options.seal_rows;
    const bool folds =
        std::any_of(segments.begin(), segments.end(), [this](const index::SegmentView& segment) {
          mu_.AssertHeld();
          return IsFoldDue(segment, false) && !IsBusy(segment);
        });
    look = full || folds || (closed > 0 && closed != closed_seen_);
    closed_seen_ = closed;
    if (view.sequence != sequence_) {
      sequence_ = view.sequence;
      last_write_ = Clock::now();
      LookAt(last_write_ + services_->indexing_options.idle);
    }
  }
  if (look) Look();
}

void ShardIndexer::LookAt(Clock::time_point when) {
  if (when >= next_look_) return;
  next_look_ = when;
  services_->timer.At(when, [weak = space_->weak_from_this()] {
    const std::shared_ptr<SpaceIndex> space = weak.lock();
    if (space == nullptr) return;
    {
      ShardIndexer& self = space->indexer();
      absl::MutexLock lock(&self.mu_);
      // A later one than asked for last: that one has come, or will.
      if (Clock::now() < self.next_look_) return;
      self.next_look_ = Clock::time_point::max();
    }
    space->indexer().Look();
  });
}

bool ShardIndexer::IsClosed(const index::IndexView& view, size_t segment) const {
  // The writer fills one segment after the other.
  if (segment + 1 < view.segments().size()) return true;
  const index::SegmentView& last = view.segments()[segment];
  return last.visible == last.growing->capacity() || last.last_ordinal() < closed_before_;
}

bool ShardIndexer::IsBusy(const index::SegmentView& segment) const {
  return std::any_of(builds_.begin(), builds_.end(),
                     [&](const auto& build) { return build->Takes(segment); });
}

std::vector<SegmentFacts> ShardIndexer::FactsOf(const index::IndexView& view) const {
  std::vector<SegmentFacts> facts;
  for (size_t i = 0; i < view.segments().size(); ++i) {
    const index::SegmentView& segment = view.segments()[i];
    SegmentFacts& fact = facts.emplace_back();
    if (segment.sealed != nullptr) {
      fact.begin = segment.sealed->range().begin;
      fact.end = segment.sealed->range().end;
    } else {
      fact.kind = IsClosed(view, i) ? SegmentFacts::Kind::kClosed : SegmentFacts::Kind::kOpen;
      fact.begin = segment.first_ordinal();
      fact.end = segment.last_ordinal() + 1;
    }
    fact.busy = IsBusy(segment) || (segment.sealed != nullptr && segment.damaged());
    fact.rows = segment.visible;
    fact.live = segment.live_rows();
  }
  return facts;
}

PolicyOptions ShardIndexer::Policy() const {
  const IndexingOptions& options = services_->indexing_options;
  PolicyOptions policy;
  policy.merge_factor = options.merge_factor;
  policy.merge_rows_max = options.merge_rows_max;
  policy.dead_share_max = options.dead_share_max;
  policy.floor_rows = options.seal_rows;
  policy.threads = static_cast<uint32_t>(services_->indexing.threads()) + 1;
  policy.merge = debt_.rows() < options.debt_paced_rows / 2;
  policy.settle = Clock::now() - last_write_ >= kSettleIdles * options.idle;
  return policy;
}

void ShardIndexer::Look() {
  std::vector<std::function<void()>> answered;
  {
    absl::MutexLock lock(&mu_);
    if (!begun_ || stopped_ || services_->stopping()) return;
    // Taken under the lock: a build that is no longer in builds_ is in this View.
    const std::shared_ptr<const View> view = space_->view();
    if (Clock::now() >= not_before_) {
      PlanRepairs(view->index);
      CloseIfDue(view->index);
      PlanBuildsOf(view->index);
      PlanFolds(view->index);
    } else {
      LookAt(not_before_);
    }
    answered = TakeAnswered(view->index);
    if (!asked_.empty()) LookAt(Clock::now() + kAskedPoll);
  }
  for (const auto& answer : answered) answer();
}

void ShardIndexer::PlanRepairs(const index::IndexView& view) {
  for (const index::SegmentView& segment : view.segments()) {
    if (segment.sealed == nullptr || !segment.damaged() || IsBusy(segment)) continue;
    Start(IndexBuild::Kind::kRepair, {&segment, 1}, false);
  }
}

void ShardIndexer::PlanFolds(const index::IndexView& view) {
  const auto quiet_since = last_write_ + services_->indexing_options.idle;
  for (const index::SegmentView& segment : view.segments()) {
    if (!IsFoldDue(segment, Clock::now() >= quiet_since) || IsBusy(segment)) continue;
    Start(IndexBuild::Kind::kFold, {&segment, 1}, false);
  }
}

void ShardIndexer::CloseIfDue(const index::IndexView& view) {
  if (closing_ || view.segments().empty()) return;
  const index::SegmentView& last = view.segments().back();
  if (last.growing == nullptr || IsClosed(view, view.segments().size() - 1)) return;
  const IndexingOptions& options = services_->indexing_options;
  const auto quiet_since = last_write_ + options.idle;
  bool due = last.visible >= options.seal_rows;
  if (!due && last.visible >= options.idle_rows) {
    due = Clock::now() >= quiet_since;
    if (!due) LookAt(quiet_since);
  }
  for (const Asked& asked : asked_) due = due || last.first_ordinal() < asked.until;
  if (!due) return;
  closing_ = true;
  space_->OnStrand(
      [this](index::IndexWriter& index) {
        CloseGrowing(&index);
        return false;
      },
      [this] { Look(); });
}

void ShardIndexer::PlanBuildsOf(const index::IndexView& view) {
  std::vector<SegmentFacts> facts = FactsOf(view);
  PolicyOptions policy = Policy();
  // What is merged on demand is sealed first, so that it is merged once.
  const bool on_demand = std::any_of(asked_.begin(), asked_.end(),
                                     [](const Asked& asked) { return asked.request.merge; });
  if (on_demand) policy.merge = false;
  StartPlans(view, facts, policy, false);
  if (on_demand) ForceMerge(view, std::move(facts), policy);
  // Once more when nothing has been written for long.
  if (!policy.settle && builds_.empty() && view.segments().size() > 1) {
    LookAt(last_write_ + kSettleIdles * services_->indexing_options.idle);
  }
}

size_t ShardIndexer::StartPlans(const index::IndexView& view, std::span<const SegmentFacts> facts,
                                const PolicyOptions& policy, bool forced) {
  const std::vector<BuildPlan> plans = PlanBuilds(facts, policy);
  for (const BuildPlan& plan : plans) {
    const auto kind =
        plan.kind == BuildKind::kSeal ? IndexBuild::Kind::kSeal : IndexBuild::Kind::kMerge;
    const auto begun = std::count_if(builds_.begin(), builds_.end(),
                                     [kind](const auto& build) { return build->kind == kind; });
    // A few more than run at a time: the next is there when one ends, and other collections get
    // their turns. Counted by kind: a stream of seals leaves room for merges.
    if (begun >= services_->indexing.threads() + 2) continue;
    Start(kind, view.segments().subspan(plan.first, plan.count), forced);
  }
  return plans.size();
}

void ShardIndexer::ForceMerge(const index::IndexView& view, std::vector<SegmentFacts> facts,
                              PolicyOptions policy) {
  uint64_t until = 0;
  policy.force = true;
  policy.force_rewrite = true;
  for (const Asked& asked : asked_) {
    if (!asked.request.merge) continue;
    until = std::max(until, asked.until);
    policy.force_rewrite = policy.force_rewrite && !asked.rewrote;
  }
  // Later rows wait for another time: with them there would be no end.
  for (SegmentFacts& fact : facts) {
    if (fact.begin >= until) {
      fact.busy = true;
    } else if (fact.kind != SegmentFacts::Kind::kSealed || fact.busy) {
      return;
    }
  }
  if (StartPlans(view, facts, policy, true) > 0) return;
  for (Asked& asked : asked_) asked.merged = true;
}

void ShardIndexer::Start(IndexBuild::Kind kind, std::span<const index::SegmentView> inputs,
                         bool forced) {
  auto build = std::make_shared<IndexBuild>();
  build->kind = kind;
  build->forced = forced;
  build->inputs.assign(inputs.begin(), inputs.end());
  build->call = services_->indexing.NewCall();
  for (const index::SegmentView& input : inputs) build->total += input.live_rows();
  builds_.push_back(build);
  // Weakly: what waits behind the work of others keeps no deleted collection.
  // The larger ones that can wait come after the others.
  auto turn = IndexScheduler::Kind::kSeal;
  if (kind == IndexBuild::Kind::kMerge || kind == IndexBuild::Kind::kFold) {
    turn = kind == IndexBuild::Kind::kMerge && build->total >= kLongMergeRows
               ? IndexScheduler::Kind::kLongMerge
               : IndexScheduler::Kind::kMerge;
  }
  services_->indexing.Submit(turn, [weak = space_->weak_from_this(), build] {
    if (const std::shared_ptr<SpaceIndex> space = weak.lock()) space->indexer().Run(build);
  });
}

void ShardIndexer::Ask(IndexRequest request) {
  bool stopped = false;
  {
    absl::MutexLock lock(&mu_);
    stopped = stopped_;
    if (!stopped) {
      const std::shared_ptr<const View> view = space_->view();
      const auto segments = view->index.segments();
      Asked& asked = asked_.emplace_back();
      asked.request = std::move(request);
      asked.until = segments.empty() ? 0 : segments.back().last_ordinal() + 1;
      not_before_ = {};  // somebody wants it now
    }
  }
  if (!stopped) return Look();
  request.done(Error(absl::StatusCode::kNotFound, reason::kCollectionNotFound,
                     "the collection has been deleted"));
}

std::vector<std::function<void()>> ShardIndexer::TakeAnswered(const index::IndexView& view) {
  std::vector<std::function<void()>> answered;
  for (auto asked = asked_.begin(); asked != asked_.end();) {
    uint64_t done = 0;
    uint64_t total = 0;
    bool sealed = true;
    for (const index::SegmentView& segment : view.segments()) {
      if (segment.first_ordinal() >= asked->until) break;
      total += segment.live_rows();
      if (segment.sealed != nullptr) done += segment.live_rows();
      sealed = sealed && segment.sealed != nullptr;
    }
    std::string phase = "sealing";
    if (asked->request.merge && sealed) {
      phase = "merging";
      done = 0;
      for (const auto& build : builds_) done += build->done.load(std::memory_order_relaxed);
    }
    absl::Status status = asked->request.call->Check();
    const bool ended = sealed && (!asked->request.merge || asked->merged);
    if (!status.ok()) {
      for (const auto& build : builds_) {
        if (build->forced && asked->request.merge) build->call->Cancel();
      }
    }
    if (status.ok() && !ended) {
      if (asked->request.progress) {
        answered.push_back([progress = asked->request.progress, phase, done, total] {
          progress(phase, std::min(done, total), total);
        });
      }
      ++asked;
      continue;
    }
    answered.push_back([done = std::move(asked->request.done), status] { done(status); });
    asked = asked_.erase(asked);
  }
  return answered;
}

absl::Status ShardIndexer::AfterFailure(const View& view, absl::Status status) {
  if (!absl::IsDataLoss(status)) return status;
  const auto segments = view.index.segments();
  if (std::none_of(segments.begin(), segments.end(), [](const index::SegmentView& segment) {
        return segment.sealed != nullptr && segment.damaged();
      })) {
    return status;
  }
  Look();
  absl::MutexLock lock(&mu_);
  if (repair_failed_) return status;
  return Error(absl::StatusCode::kUnavailable, reason::kIndexRepair,
               "a segment of the index is damaged and is being replaced from storage: {}",
               std::string(status.message()))
      .RetryAfter(absl::Seconds(1));
}

void ShardIndexer::Stop() {
  std::vector<Asked> asked;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    for (const auto& build : builds_) build->call->Cancel();
    asked.swap(asked_);
  }
  for (const Asked& one : asked) {
    one.request.done(Error(absl::StatusCode::kNotFound, reason::kCollectionNotFound,
                           "the collection has been deleted"));
  }
}

void ShardIndexer::Resume() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = false;
  }
  Look();
}

IndexStatus ShardIndexer::Status(const View& view) const {
  const IndexingOptions& options = services_->indexing_options;
  IndexStatus status;
  status.debt_rows = debt_.rows();
  status.debt_paced_rows = options.debt_paced_rows;
  status.debt_refused_rows = options.debt_refused_rows;
  status.live_rows = view.index.live_rows();
  absl::MutexLock lock(&mu_);
  for (const index::SegmentView& segment : view.index.segments()) {
    SegmentStatus& out = status.segments.emplace_back();
    out.first_ordinal = segment.first_ordinal();
    out.end_ordinal = segment.last_ordinal() + 1;
    out.rows = segment.visible;
    out.deleted_rows = segment.deleted.count();
    out.memory_bytes = segment.deleted.memory_bytes() + segment.metadata.memory_bytes();
    if (segment.sealed == nullptr) {
      out.memory_bytes += segment.growing->memory_bytes();
      out.quantization = "int8";
      continue;
    }
    const index::SealedSegment& sealed = *segment.sealed;
    status.indexed_rows += segment.live_rows();
    out.state = segment.damaged() ? SegmentState::kDamaged : SegmentState::kSealed;
    out.first_ordinal = sealed.range().begin;
    out.end_ordinal = sealed.range().end;
    out.memory_bytes += sealed.memory_bytes();
    out.disk_bytes = sealed.graph_file().size_bytes + sealed.rows_file().size_bytes +
                     sealed.terms_file().size_bytes + segment.metadata_file->file().size_bytes;
    out.quantization = index::CodeKindName(sealed.codes());
    for (const store::SegmentRecord& record : records_.segments()) {
      if (IsRecordOf(record, segment)) out.id = record.id();
    }
    if (const auto seconds = build_seconds_.find(out.id); seconds != build_seconds_.end()) {
      out.build_seconds = seconds->second;
    }
  }
  const int64_t now_ns = Clock::now().time_since_epoch().count();
  for (const auto& build : builds_) {
    if (!build->running.load(std::memory_order_relaxed)) {
      if (status.phase == IndexPhase::kIdle) status.phase = IndexPhase::kWaiting;
      continue;
    }
    const bool merging =
        build->kind == IndexBuild::Kind::kMerge || build->kind == IndexBuild::Kind::kFold;
    status.phase = merging ? IndexPhase::kMerging
                           : (status.phase == IndexPhase::kMerging ? IndexPhase::kMerging
                                                                   : IndexPhase::kSealing);
    const uint64_t done = build->done.load(std::memory_order_relaxed);
    status.done += done;
    status.total += build->total;
    const double seconds =
        1e-9 * static_cast<double>(now_ns - build->begin_ns.load(std::memory_order_relaxed));
    if (seconds > 0) status.rows_per_second += static_cast<double>(done) / seconds;
  }
  if (status.total > status.done && status.rows_per_second > 0) {
    status.seconds_left = static_cast<double>(status.total - status.done) / status.rows_per_second;
  }
  if (status.phase == IndexPhase::kIdle && status.debt_rows > 0)
    status.phase = IndexPhase::kWaiting;
  status.seals = seals_;
  status.merges = merges_;
  status.rebuilds = repairs_;
  status.failures = failures_;
  status.last_error = last_error_;
  return status;
}

}  // namespace kith::engine
