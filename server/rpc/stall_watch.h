// StallWatch: gives up calls whose client does not take the answer. HTTP/2 lets a peer keep an
// answer waiting for ever, by never opening its window, while it answers every ping; the call would
// hold its memory and its place among those handled at a time.
//
// Whoever hands something to gRPC to be sent begins a wait, and ends it when gRPC says that it is
// on the wire. A wait that lasts too long cancels its call: the client gets CANCELLED if it ever
// looks.
//
// Thread-safe. About 0.1 us a wait.

#ifndef KITH_SERVER_RPC_STALL_WATCH_H_
#define KITH_SERVER_RPC_STALL_WATCH_H_

#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"

namespace kith::rpc {

class StallWatch {
 public:
  // `on_stall` hears, from the watch's thread, how many calls were given up at a time.
  StallWatch(absl::Duration patience, std::function<void(size_t calls)> on_stall);
  ~StallWatch();
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Clock::time_point since;
    grpc::CallbackServerContext* context;
    bool given_up = false;    // it is in given_up_
    bool cancelling = false;  // the watch's thread is inside TryCancel, without the lock
    bool ended = false;       // inside it, on that very thread: the watch takes the wait away
  };
  using Place = std::list<Waiting>::iterator;

 public:
  // One wait at a time, of a call whose context outlives it.
  class Wait {
   public:
    void Begin(StallWatch* watch, grpc::CallbackServerContext* context);
    // Does nothing if none has begun. Afterwards the context is not touched any more.
    void End();

   private:
    StallWatch* watch_ = nullptr;
    Place place_;
  };

 private:
  void Run();
  // Cancels the call that has waited longest, if it began to before `before`.
  bool GiveUpOldest(Clock::time_point before);

  const Clock::duration patience_;
  const std::function<void(size_t)> on_stall_;

  absl::Mutex mu_;
  std::list<Waiting> waiting_ ABSL_GUARDED_BY(mu_);   // oldest first
  std::list<Waiting> given_up_ ABSL_GUARDED_BY(mu_);  // cancelled, and about to end
  bool leaving_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_STALL_WATCH_H_
