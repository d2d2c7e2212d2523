// The vocabulary of the storage tests: temporary folders, statuses, and a shard that is written as
// the server's committer writes it.

#ifndef KITH_TESTS_STORAGE_TEST_SUPPORT_H_
#define KITH_TESTS_STORAGE_TEST_SUPPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kith/base/error.h"
#include "storage/store.h"
#include "tests/support/temp_folder.h"

namespace kith::storage {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

#define ASSERT_OK(expression)                                                \
  do {                                                                       \
    const auto& kith_result = (expression);                                  \
    ASSERT_TRUE(kith_result.ok()) << ::kith::storage::StatusOf(kith_result); \
  } while (false)
#define EXPECT_OK(expression)                                                \
  do {                                                                       \
    const auto& kith_result = (expression);                                  \
    EXPECT_TRUE(kith_result.ok()) << ::kith::storage::StatusOf(kith_result); \
  } while (false)
// The code and the reason that a client may branch on.
#define EXPECT_FAILS(expression, expected_code, expected_reason)                      \
  do {                                                                                \
    const absl::Status kith_status = ::kith::storage::StatusOf(expression);           \
    EXPECT_EQ(kith_status.code(), expected_code) << kith_status;                      \
    EXPECT_EQ(::kith::DetailsOf(kith_status).reason, expected_reason) << kith_status; \
  } while (false)

// KITH_TEST_SEED from the environment, else a new one; printed, so that a failure can be repeated.
uint64_t TestSeed();

std::string ReadBytes(const std::string& path);
void WriteBytes(const std::string& path, std::string_view bytes);
// The paths in `folder` that end in `suffix`, sorted.
std::vector<std::string> FilesIn(const std::string& folder, std::string_view suffix);

StoreOptions SmallOptions(const std::string& data_dir);

// A document whose whole content follows from a number.
struct TestDocument {
  explicit TestDocument(uint64_t seed);
  std::string text;  // from empty to several blocks, often just around a block's end
  std::vector<std::vector<float>> vectors;  // one a passage
  std::string keyword;
};

// Writes one shard as the committer does: every commit is one logical batch with the next sequence,
// replaced documents leave tombstones, the state row goes with it.
class TestShard {
 public:
  static constexpr uint32_t kDimension = 8;
  static constexpr SpaceNumber kSpace = 0;

  // Continues after what the catalog says of the shard.
  static absl::StatusOr<TestShard> Load(Store& store, ShardNumber shard);

  absl::Status Upsert(std::string_view id, uint64_t seed,
                      Durability durability = Durability::kSynced);
  absl::Status Delete(std::string_view id, Durability durability = Durability::kSynced);

  const store::ShardState& state() const { return state_; }
  ShardNumber number() const { return shard_; }

 private:
  TestShard(Store& store, ShardNumber shard) : store_(&store), shard_(shard) {}
  // Adds the removal of a document's parts (not of its row).
  void Remove(CommitBatch& batch, const store::DocumentRecord& old);
  absl::Status Finish(CommitBatch& batch, Durability durability);

  Store* store_;
  ShardNumber shard_;
  store::ShardState state_;
};

// What a shard should hold: the seed of each live document.
using ExpectedDocuments = std::map<std::string, uint64_t, std::less<>>;

// OK if the shard holds exactly that: rows, texts, passages, vectors, nothing left over, and a
// state that counts them right.
absl::Status CheckShard(const Reader& reader, const store::ShardState& state, ShardNumber shard,
                        const ExpectedDocuments& expected);

}  // namespace kith::storage

#endif  // KITH_TESTS_STORAGE_TEST_SUPPORT_H_
