#include "storage/model_store.h"

#include <filesystem>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kHash = "0123456789abcdef";

class ModelStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_.Join("source/1_Pooling"));
    WriteBytes(folder_.Join("source/config.json"), "{}");
    WriteBytes(folder_.Join("source/1_Pooling/config.json"), "{\"p\":1}");
    WriteBytes(folder_.Join("source/model.safetensors"), std::string(3'000'000, 'w'));
    WriteBytes(folder_.Join("secret"), "s");
    Reopen();
  }
  void Reopen() {
    auto models = ModelStore::Open(folder_.Join("models"));
    ASSERT_OK(models);
    models_ = *std::move(models);
  }
  absl::StatusOr<store::ModelRecord> Import(std::vector<std::string> files,
                                            std::string_view hash = kHash) {
    return models_->Import(folder_.Join("source"), files, hash, Call::Background());
  }
  // Entries of the models' folder.
  size_t Entries() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(folder_.Join("models"))) {
      ++count;
    }
    return count;
  }

  const std::vector<std::string> files_ = {"model.safetensors", "config.json",
                                           "1_Pooling/config.json"};
  TempFolder folder_;
  std::unique_ptr<ModelStore> models_;
};

TEST_F(ModelStoreTest, AnImportedModelIsThereWhateverHappensToItsSource) {
  EXPECT_FAILS(models_->Path(kHash), absl::StatusCode::kNotFound, reason::kEncoderNotFound);
  const auto record = Import(files_);
  ASSERT_OK(record);
  ASSERT_EQ(record->files_size(), 3);
  EXPECT_EQ(record->files(0).name(), "1_Pooling/config.json");
  EXPECT_EQ(record->files(2).size_bytes(), 3'000'000U);
  const auto again = Import(files_);
  ASSERT_OK(again);
  EXPECT_EQ(again->SerializeAsString(), record->SerializeAsString());
  std::filesystem::remove_all(folder_.Join("source"));
  Reopen();
  const auto path = models_->Path(kHash);
  ASSERT_OK(path);
  EXPECT_EQ(ReadBytes(*path + "/1_Pooling/config.json"), "{\"p\":1}");
  EXPECT_OK(models_->Verify(kHash, *record, Call::Background()));
  EXPECT_EQ(Entries(), 1U);
  ASSERT_OK(models_->Remove(kHash));
  ASSERT_OK(models_->Remove(kHash));
  EXPECT_FAILS(models_->Path(kHash), absl::StatusCode::kNotFound, reason::kEncoderNotFound);
  EXPECT_EQ(Entries(), 0U);
}

TEST_F(ModelStoreTest, VerifyNamesTheFileThatIsDamagedOrMissing) {
  const auto record = Import(files_);
  ASSERT_OK(record);
  const std::string file = *models_->Path(kHash) + "/model.safetensors";
  std::string bytes = ReadBytes(file);
  bytes[2'000'000] ^= 1;
  WriteBytes(file, bytes);
  const absl::Status damaged = models_->Verify(kHash, *record, Call::Background());
  EXPECT_FAILS(damaged, absl::StatusCode::kDataLoss, reason::kCorruption);
  EXPECT_THAT(std::string(damaged.message()), HasSubstr("model.safetensors"));
  std::filesystem::remove(file);
  EXPECT_FAILS(models_->Verify(kHash, *record, Call::Background()), absl::StatusCode::kDataLoss,
               reason::kCorruption);
}

TEST_F(ModelStoreTest, NamesThatLeaveTheFolderAreRefused) {
  for (const std::string& name :
       {std::string("../secret"), std::string("/etc/passwd"), std::string("a/../../secret"),
        std::string("./config.json"), std::string(""), std::string("a/"), std::string("x\0y", 3)}) {
    EXPECT_FAILS(Import({"config.json", name}), absl::StatusCode::kInvalidArgument,
                 reason::kInvalidModel);
  }
  for (const std::string_view hash :
       {"", "../../x", "0123", "ABCDEF0123456789", "0123456789abcdeg"}) {
    EXPECT_FAILS(Import(files_, hash), absl::StatusCode::kInvalidArgument, reason::kInvalidModel);
    EXPECT_FAILS(models_->Path(hash), absl::StatusCode::kInvalidArgument, reason::kInvalidModel);
    EXPECT_FAILS(models_->Remove(hash), absl::StatusCode::kInvalidArgument, reason::kInvalidModel);
  }
  EXPECT_FAILS(Import({}), absl::StatusCode::kInvalidArgument, reason::kInvalidModel);
  EXPECT_EQ(Entries(), 0U);
}

TEST_F(ModelStoreTest, AFailedImportLeavesNothingAndLeftoversOfACrashGo) {
  EXPECT_FAILS(Import({"config.json", "none.json"}), absl::StatusCode::kNotFound,
               reason::kStorageError);
  EXPECT_FAILS(Import({"config.json", "1_Pooling"}), absl::StatusCode::kFailedPrecondition,
               reason::kInvalidModel);
  Call cancelled;
  cancelled.Cancel();
  EXPECT_FAILS(models_->Import(folder_.Join("source"), files_, kHash, cancelled),
               absl::StatusCode::kCancelled, reason::kCancelled);
  EXPECT_EQ(Entries(), 0U);
  std::filesystem::create_directories(folder_.Join("models/tmp-0123456789abcdef-0/x"));
  Reopen();
  EXPECT_EQ(Entries(), 0U);
}

TEST_F(ModelStoreTest, RacingImportsOfOneModelAgree) {
  std::vector<std::thread> threads;
  std::vector<std::string> records(4);
  for (size_t i = 0; i < records.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto record = Import(files_);
      EXPECT_OK(record);
      records[i] = record->SerializeAsString();
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& record : records) EXPECT_EQ(record, records.front());
  EXPECT_EQ(Entries(), 1U);
}

}  // namespace
}  // namespace kith::storage
