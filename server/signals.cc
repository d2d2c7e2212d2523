#include "server/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace kith::server {
namespace {

// Wakes the thread so that it can be joined.
constexpr int kLeave = SIGUSR1;

sigset_t Taken() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, kLeave);
  return set;
}

}  // namespace

void Signals::Block() {
  const sigset_t set = Taken();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A peer that closes its end is an error of that write, not the end of the server.
  signal(SIGPIPE, SIG_IGN);
}

Signals::Signals(std::function<void()> on_stop, std::function<void()> on_reload)
    : on_stop_(std::move(on_stop)), on_reload_(std::move(on_reload)), thread_([this] { Run(); }) {}

Signals::~Signals() {
  pthread_kill(thread_.native_handle(), kLeave);
  thread_.join();
}

void Signals::Run() {
  const sigset_t set = Taken();
  bool asked = false;
  for (;;) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    if (signal == kLeave) return;
    if (signal == SIGHUP) {
      on_reload_();
      continue;
    }
    if (asked) {
      std::fputs("kithd: a second signal: stopping at once\n", stderr);
      _exit(1);
    }
    asked = true;
    on_stop_();
  }
}

}  // namespace kith::server
