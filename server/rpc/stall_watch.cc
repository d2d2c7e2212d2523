#include "server/rpc/stall_watch.h"

#include <utility>

namespace kith::rpc {

StallWatch::StallWatch(absl::Duration patience, std::function<void(size_t)> on_stall)
    : patience_(absl::ToChronoNanoseconds(patience)),
      on_stall_(std::move(on_stall)),
      thread_([this] { Run(); }) {}

StallWatch::~StallWatch() {
  {
    absl::MutexLock lock(&mu_);
    leaving_ = true;
  }
  thread_.join();
}

void StallWatch::Wait::Begin(StallWatch* watch, grpc::CallbackServerContext* context) {
  std::list<Waiting> one;
  one.push_back({Clock::now(), context});
  place_ = one.begin();
  watch_ = watch;
  absl::MutexLock lock(&watch->mu_);
  watch->waiting_.splice(watch->waiting_.end(), one);
}

void StallWatch::Wait::End() {
  StallWatch* const watch = std::exchange(watch_, nullptr);
  if (watch == nullptr) return;
  std::list<Waiting> one;  // freed without the lock
  absl::MutexLock lock(&watch->mu_);
  if (place_->cancelling) {
    // gRPC may run the last reaction of a call inside TryCancel, which then touches nothing more.
    if (std::this_thread::get_id() == watch->thread_.get_id()) {
      place_->ended = true;
      return;
    }
    const auto through = [this] { return !place_->cancelling; };
    watch->mu_.Await(absl::Condition(&through));
  }
  one.splice(one.end(), place_->given_up ? watch->given_up_ : watch->waiting_, place_);
}

void StallWatch::Run() {
  const absl::Duration interval = absl::FromChrono(patience_) / 8;
  for (;;) {
    {
      absl::MutexLock lock(&mu_);
      mu_.AwaitWithTimeout(absl::Condition(&leaving_), interval);
      if (leaving_) return;
    }
    size_t given_up = 0;
    while (GiveUpOldest(Clock::now() - patience_)) ++given_up;
    if (given_up > 0 && on_stall_) on_stall_(given_up);
  }
}

bool StallWatch::GiveUpOldest(Clock::time_point before) {
  Place place;
  {
    absl::MutexLock lock(&mu_);
    place = waiting_.begin();
    if (place == waiting_.end() || place->since > before) return false;
    place->given_up = place->cancelling = true;
    given_up_.splice(given_up_.end(), waiting_, place);
  }
  // Without the lock: gRPC may run reactions of the call here, which end the wait.
  place->context->TryCancel();
  absl::MutexLock lock(&mu_);
  place->cancelling = false;
  if (place->ended) given_up_.erase(place);
  return true;
}

}  // namespace kith::rpc
