// Damage: a torn tail of the log is dropped; everything else that was changed behind the store's
// back is DATA_LOSS, or harmless. Never a wrong answer, never a silent loss.

#include <filesystem>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/log_check.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

using ::testing::HasSubstr;

constexpr ShardNumber kShard = 1;

class DamageTest : public ::testing::Test {
 protected:
  // A data folder with `commits` synced documents, all of them in the log or (flushed) in tables.
  // ends_[i] is the length of the log after i commits.
  void Prepare(int commits, bool flushed, Durability durability = Durability::kSynced) {
    auto store = Store::Open(SmallOptions(folder_.Join("data")));
    ASSERT_OK(store);
    auto shard = TestShard::Load(**store, kShard);
    ASSERT_OK(shard);
    const auto logs = FilesIn(folder_.Join("data/db"), ".log");
    ASSERT_EQ(logs.size(), 1U);
    log_ = logs.front();
    expected_.assign(1, {});
    ends_.assign(1, std::filesystem::file_size(log_));
    for (int i = 0; i < commits; ++i) {
      const std::string id = fmt::format("d{}", i % 7);
      ASSERT_OK(shard->Upsert(id, static_cast<uint64_t>(i), durability));
      expected_.push_back(expected_.back());
      expected_.back()[id] = static_cast<uint64_t>(i);
      ends_.push_back(std::filesystem::file_size(log_));
    }
    if (flushed) ASSERT_OK((*store)->Flush());
    // What the disk holds when the process dies now: Close() would not change it.
    std::filesystem::copy(folder_.Join("data"), folder_.Join("crashed"),
                          std::filesystem::copy_options::recursive);
    log_ = folder_.Join("crashed/db/") + std::filesystem::path(log_).filename().string();
  }

  // A fresh copy of the crashed folder, in which the test damages `path`'s counterpart.
  std::string Copy(const std::string& path) {
    const std::string trial = folder_.Join("trial");
    std::filesystem::remove_all(trial);
    std::filesystem::copy(folder_.Join("crashed"), trial, std::filesystem::copy_options::recursive);
    return trial + path.substr(folder_.Join("crashed").size());
  }

  // Opens the copy. The number of commits it holds, all of them whole; or the error.
  absl::StatusOr<size_t> Open() {
    auto store = Store::Open(SmallOptions(folder_.Join("trial")));
    if (!store.ok()) return store.status();
    auto catalog = (*store)->LoadCatalog();
    if (!catalog.ok()) return catalog.status();
    const store::ShardState& state = catalog->shards[kShard];
    if (state.sequence() == 0) return 0;
    if (state.sequence() >= expected_.size()) return absl::InternalError("too many commits");
    const absl::Status status =
        CheckShard((*store)->Latest(), state, kShard, expected_[state.sequence()]);
    if (!status.ok()) return status;
    return state.sequence();
  }

  TempFolder folder_;
  std::string log_;
  std::vector<uint64_t> ends_;
  std::vector<ExpectedDocuments> expected_;
};

TEST_F(DamageTest, ALogCutAnywhereKeepsEveryCommitThatIsWhole) {
  Prepare(8, false);
  std::mt19937_64 random(TestSeed());
  const std::string whole = ReadBytes(log_);
  ASSERT_EQ(whole.size(), ends_.back());
  for (size_t commit = 1; commit < ends_.size(); ++commit) {
    const uint64_t begin = ends_[commit - 1];
    const uint64_t size = ends_[commit] - begin;
    for (uint64_t cut :
         {begin, begin + 1, begin + 6, begin + 7, begin + random() % size, begin + size - 1}) {
      const std::string log = Copy(log_);
      WriteBytes(log, whole.substr(0, cut));
      const auto commits = Open();
      ASSERT_OK(commits);
      EXPECT_EQ(*commits, commit - 1) << "cut at " << cut;
    }
  }
}

TEST_F(DamageTest, AFlippedBitInTheMiddleOfTheLogIsNeverPassedOver) {
  Prepare(14, false);
  std::mt19937_64 random(TestSeed());
  const std::string whole = ReadBytes(log_);
  const uint64_t last = ends_[ends_.size() - 2];  // where the last commit begins
  std::vector<uint64_t> positions;
  for (size_t commit = 0; commit + 1 < ends_.size(); ++commit) {
    for (uint64_t i = 0; i < 8; ++i) positions.push_back(ends_[commit] + i);  // headers
  }
  for (int i = 0; i < 40; ++i) positions.push_back(random() % whole.size());
  int detected = 0;
  for (uint64_t position : positions) {
    std::string damaged = whole;
    damaged[position] = static_cast<char>(damaged[position] ^ (1 << random() % 8));
    WriteBytes(Copy(log_), damaged);
    const auto commits = Open();
    if (commits.ok()) {
      // Only the last commit looks like one that was being written.
      EXPECT_GE(position, last) << "a flip at " << position << " lost "
                                << ends_.size() - 1 - *commits << " commits";
      EXPECT_EQ(*commits, ends_.size() - 2) << position;
    } else {
      EXPECT_FAILS(commits, absl::StatusCode::kDataLoss, reason::kCorruption);
      EXPECT_THAT(std::string(commits.status().message()), HasSubstr(".log"));
      ++detected;
    }
  }
  EXPECT_GT(detected, 80);
}

TEST_F(DamageTest, AZeroedPageInTheMiddleOfTheLogIsDataLoss) {
  Prepare(14, false);
  const std::string whole = ReadBytes(log_);
  for (uint64_t page = 0; (page + 1) * 4096 < ends_[ends_.size() - 2]; page += 5) {
    std::string damaged = whole;
    damaged.replace(page * 4096, 4096, 4096, '\0');
    WriteBytes(Copy(log_), damaged);
    EXPECT_FAILS(Open(), absl::StatusCode::kDataLoss, reason::kCorruption);
  }
}

// The power went while a commit was written, the store was opened, and the power went again before
// the removal of the torn log had reached the disk.
TEST_F(DamageTest, ATornLogThatWasAlreadyTakenOverDoesNotCount) {
  Prepare(8, false);
  const std::string whole = ReadBytes(log_);
  for (uint64_t cut : {ends_[0] + 3, ends_[3] + 20, ends_[7] + 3}) {
    const std::string log = Copy(log_);
    const std::string torn = whole.substr(0, cut);
    WriteBytes(log, torn);
    const auto before = Open();
    ASSERT_OK(before);
    WriteBytes(log, torn);
    const auto after = Open();
    ASSERT_OK(after);
    EXPECT_EQ(*after, *before);
  }
}

// What power loss may leave of commits that were not synced: later pages without earlier ones.
TEST_F(DamageTest, AGapAmongUnsyncedCommitsIsATornTail) {
  Prepare(14, false, Durability::kApplied);
  const std::string whole = ReadBytes(log_);
  for (size_t commit : {1, 5, 9}) {
    std::string damaged = whole;
    damaged.replace(ends_[commit], 7, 7, '\0');
    LogChecker checker;
    EXPECT_OK(checker.Add(damaged, "test.log"));
  }
}

TEST_F(DamageTest, AFlippedBitInATableOrBlobFileIsFoundAndNamed) {
  Prepare(30, true);
  std::mt19937_64 random(TestSeed());
  std::vector<std::string> files = FilesIn(folder_.Join("crashed/db"), ".sst");
  const auto blobs = FilesIn(folder_.Join("crashed/db"), ".blob");
  ASSERT_FALSE(files.empty());
  ASSERT_FALSE(blobs.empty());
  files.insert(files.end(), blobs.begin(), blobs.end());
  int refused = 0;
  for (const std::string& file : files) {
    const std::string whole = ReadBytes(file);
    for (int i = 0; i < 6; ++i) {
      std::string damaged = whole;
      const uint64_t position = random() % whole.size();
      damaged[position] = static_cast<char>(damaged[position] ^ (1 << random() % 8));
      const std::string path = Copy(file);
      WriteBytes(path, damaged);
      // Reads find it, or do not come by it: then they are right. A scrub always finds it.
      const auto commits = Open();
      if (commits.ok()) {
        EXPECT_EQ(*commits, 30U);
      } else {
        EXPECT_FAILS(commits, absl::StatusCode::kDataLoss, reason::kCorruption);
        ++refused;
      }
      auto store = Store::Open(SmallOptions(folder_.Join("trial")));
      if (!store.ok()) continue;
      const absl::Status verified = (*store)->VerifyChecksums(Call::Background());
      EXPECT_FAILS(verified, absl::StatusCode::kDataLoss, reason::kCorruption);
      EXPECT_EQ(DetailsOf(verified).metadata["file"], path);
    }
  }
  EXPECT_GT(refused, 0);
}

TEST_F(DamageTest, MissingFilesAreDataLossAndNoNewDatabaseIsMade) {
  Prepare(5, true);
  for (const std::string name : {"CURRENT", "MANIFEST", ".sst", ".blob"}) {
    Copy(log_);
    int removed = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.Join("trial/db"))) {
      if (entry.path().filename().string().find(name) == std::string::npos) continue;
      std::filesystem::remove(entry.path());
      ++removed;
    }
    ASSERT_GT(removed, 0);
    SCOPED_TRACE(name);
    EXPECT_FAILS(Open(), absl::StatusCode::kDataLoss, reason::kCorruption);
  }
}

}  // namespace
}  // namespace kith::storage
