// Signals: SIGTERM and SIGINT ask for a stop in order, the second one stops at once; SIGHUP asks
// for keys and certificates to be read again. They are taken by a thread of their own, so that no
// handler ever interrupts anything.

#ifndef KITH_SERVER_SIGNALS_H_
#define KITH_SERVER_SIGNALS_H_

#include <functional>
#include <thread>

namespace kith::server {

class Signals {
 public:
  // Blocks the signals for the calling thread and all that it starts. REQUIRES: called before any
  // thread is made.
  static void Block();

  // Calls `on_stop` (from another thread) on the first signal to stop; the second one ends the
  // process with exit code 1. Calls `on_reload` on every SIGHUP.
  Signals(std::function<void()> on_stop, std::function<void()> on_reload);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void Run();

  const std::function<void()> on_stop_;
  const std::function<void()> on_reload_;
  std::thread thread_;
};

}  // namespace kith::server

#endif  // KITH_SERVER_SIGNALS_H_
