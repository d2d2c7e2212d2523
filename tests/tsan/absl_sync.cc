// Shows ThreadSanitizer what Abseil's locks order. The packaged Abseil is not compiled for it, so
// that it sees no absl::Mutex at all and reports a race for whatever one protects. Linked into
// every test of the `tsan` preset, this file stands in front of the functions that the code uses:
// each calls the packaged one, and says what was acquired or released. What the code begins to use
// (ReaderTryLock, say) is added here.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <typeinfo>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

namespace {

// The packaged function whose mangled name is that of the class and then `member`.
template <typename Class, typename Function>
Function* Packaged(const char* member, bool is_const = false) {
  std::string name = typeid(Class).name();  // N4absl...5MutexE
  name.pop_back();
  name = (is_const ? "_ZNK" : "_ZN") + name.substr(1) + member;
  void* found = dlsym(RTLD_NEXT, name.c_str());
  if (found == nullptr) {
    std::fprintf(stderr, "this Abseil has no %s\n", name.c_str());
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

// A condition that is asked with the lock held, by whichever thread: say so.
struct Asked {
  void* mutex;
  const absl::Condition* condition;

  bool Ask() {
    __tsan_acquire(mutex);
    const bool holds = condition->Eval();
    __tsan_release(mutex);
    return holds;
  }
};

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static const auto packaged = Packaged<Mutex, void(Mutex*)>("4LockEv");
  packaged(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static const auto packaged = Packaged<Mutex, void(Mutex*)>("6UnlockEv");
  __tsan_release(this);
  packaged(this);
}

void Mutex::ReaderLock() {
  static const auto packaged = Packaged<Mutex, void(Mutex*)>("10ReaderLockEv");
  packaged(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  static const auto packaged = Packaged<Mutex, void(Mutex*)>("12ReaderUnlockEv");
  __tsan_release(this);
  packaged(this);
}

void Mutex::Await(const Condition& condition) {
  static const auto packaged =
      Packaged<Mutex, void(Mutex*, const Condition&)>("5AwaitERKNS0_9ConditionE");
  Asked asked = {this, &condition};
  __tsan_release(this);
  packaged(this, Condition(&asked, &Asked::Ask));
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static const auto packaged = Packaged<Mutex, bool(Mutex*, const Condition&, Duration)>(
      "16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  Asked asked = {this, &condition};
  __tsan_release(this);
  const bool holds = packaged(this, Condition(&asked, &Asked::Ask), timeout);
  __tsan_acquire(this);
  return holds;
}

void CondVar::Wait(Mutex* mutex) {
  static const auto packaged = Packaged<CondVar, void(CondVar*, Mutex*)>("4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  packaged(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto packaged = Packaged<CondVar, bool(CondVar*, Mutex*, Duration)>(
      "15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool timed_out = packaged(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

void Notification::Notify() {
  static const auto packaged = Packaged<Notification, void(Notification*)>("6NotifyEv");
  __tsan_release(this);
  packaged(this);
}

void Notification::WaitForNotification() const {
  static const auto packaged =
      Packaged<Notification, void(const Notification*)>("19WaitForNotificationEv", true);
  packaged(this);
  __tsan_acquire(const_cast<Notification*>(this));
}

ABSL_NAMESPACE_END
}  // namespace absl
