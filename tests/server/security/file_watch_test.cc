#include "server/security/file_watch.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kith::security {
namespace {

class Calls {
 public:
  void Add() {
    absl::MutexLock lock(&mu_);
    ++count_;
  }
  bool WaitFor(int count) {
    const auto reached = [&] { return count_ >= count; };
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(30));
  }
  int count() {
    absl::MutexLock lock(&mu_);
    return count_;
  }

 private:
  absl::Mutex mu_;
  int count_ = 0;
};

TEST(FileWatchTest, NoticesFilesWrittenReplacedAndLinkedAnew) {
  const TempFolder folder;
  const auto file = folder.path() / "file", other = folder.path() / "other",
             link = folder.path() / "link";
  std::ofstream(file) << "one";
  std::ofstream(other) << "two";
  std::filesystem::create_symlink(file, link);
  Calls calls, untouched;
  FileWatch watch({{{file.string(), link.string()}, [&] { calls.Add(); }},
                   {{other.string()}, [&] { untouched.Add(); }}},
                  absl::Milliseconds(5));
  std::ofstream(file) << "written in place";
  EXPECT_TRUE(calls.WaitFor(1));
  std::ofstream(folder.path() / "fresh") << "renamed over it";
  std::filesystem::rename(folder.path() / "fresh", file);
  EXPECT_TRUE(calls.WaitFor(2));
  std::filesystem::create_symlink(other, folder.path() / "link2");
  std::filesystem::rename(folder.path() / "link2", link);
  EXPECT_TRUE(calls.WaitFor(3));
  std::filesystem::remove(file);
  EXPECT_TRUE(calls.WaitFor(4));
  EXPECT_EQ(untouched.count(), 0);
}

TEST(FileWatchTest, APokeCallsWithoutAChange) {
  const TempFolder folder;
  Calls calls;
  FileWatch watch({{{(folder.path() / "missing").string()}, [&] { calls.Add(); }}}, absl::Hours(1));
  watch.Poke();
  EXPECT_TRUE(calls.WaitFor(1));
}

}  // namespace
}  // namespace kith::security
