// Whose folder it is: locks, versions, foreign folders, and folders that cannot be had.

#include "storage/data_folder.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/atomic_file.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

using ::testing::HasSubstr;

absl::Status OpenStatus(const std::string& path, bool create_if_missing = true) {
  StoreOptions options = SmallOptions(path);
  options.create_if_missing = create_if_missing;
  return Store::Open(options).status();
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(DataFolderTest, ANewFolderIsMadeWithItsParentsForItsOwnerOnly) {
  TempFolder folder;
  const std::string path = folder.Join("a/b/data");
  EXPECT_FAILS(OpenStatus(path, false), absl::StatusCode::kNotFound, reason::kStorageError);
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_OK(OpenStatus(path));
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  ASSERT_OK(OpenStatus(path + "/", false));
}

TEST(DataFolderTest, ASecondOpeningIsRefusedNamingFolderAndProcess) {
  TempFolder folder;
  auto store = Store::Open(SmallOptions(folder.path()));
  ASSERT_OK(store);
  const absl::Status refused = OpenStatus(folder.path());
  EXPECT_FAILS(refused, absl::StatusCode::kFailedPrecondition, reason::kDataFolderInUse);
  EXPECT_THAT(std::string(refused.message()), HasSubstr(folder.path()));
  EXPECT_THAT(std::string(refused.message()), HasSubstr(std::to_string(getpid())));
  store->reset();
  EXPECT_OK(OpenStatus(folder.path()));
}

TEST(DataFolderTest, TwoFoldersDifferAndOneStaysItself) {
  TempFolder one;
  TempFolder two;
  const Uuid first = (*Store::Open(SmallOptions(one.path())))->uuid();
  EXPECT_NE(first, (*Store::Open(SmallOptions(two.path())))->uuid());
  EXPECT_EQ(first, (*Store::Open(SmallOptions(one.path())))->uuid());
}

TEST(DataFolderTest, AForeignFolderIsRefusedAndLeftAsItWas) {
  TempFolder folder;
  WriteBytes(folder.Join("thesis.txt"), "precious");
  const absl::Status refused = OpenStatus(folder.path());
  EXPECT_FAILS(refused, absl::StatusCode::kFailedPrecondition, reason::kFormatVersion);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("thesis.txt"));
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"thesis.txt"});
}

TEST(DataFolderTest, AnEmptyFolderIsTakenOnlyIfItMayBeCreated) {
  TempFolder folder;
  EXPECT_FAILS(OpenStatus(folder.path(), false), absl::StatusCode::kNotFound,
               reason::kStorageError);
  EXPECT_TRUE(Names(folder.path()).empty());
  // What a process that died while it claimed the folder leaves behind.
  WriteBytes(folder.Join("LOCK"), "");
  WriteBytes(folder.Join("FORMAT.tmp"), "half");
  EXPECT_OK(OpenStatus(folder.path()));
}

TEST(DataFolderTest, ACreationThatDiedHalfWayIsFinished) {
  TempFolder folder;
  ASSERT_OK(DataFolder::Open(folder.path(), true));  // the database was never made
  EXPECT_OK(OpenStatus(folder.path()));
  std::filesystem::remove_all(folder.Join("db"));  // but now it was
  EXPECT_FAILS(OpenStatus(folder.path()), absl::StatusCode::kDataLoss, reason::kCorruption);
}

TEST(DataFolderTest, ANewerFormatIsRefusedWithBothVersions) {
  TempFolder folder;
  ASSERT_OK(OpenStatus(folder.path()));
  std::string format = ReadBytes(folder.Join("FORMAT"));
  ASSERT_EQ(format.size(), 48U);
  format[8] = static_cast<char>(kFormatVersion + 1);
  WriteBytes(folder.Join("FORMAT"), format + "and whatever it adds");
  const absl::Status refused = OpenStatus(folder.path());
  EXPECT_FAILS(refused, absl::StatusCode::kFailedPrecondition, reason::kFormatVersion);
  EXPECT_EQ(DetailsOf(refused).metadata["version"], std::to_string(kFormatVersion + 1));
  EXPECT_EQ(DetailsOf(refused).metadata["supported"], std::to_string(kFormatVersion));
}

TEST(DataFolderTest, EveryFlippedBitOfTheFormatFileIsRefused) {
  TempFolder folder;
  ASSERT_OK(OpenStatus(folder.path()));
  const std::string whole = ReadBytes(folder.Join("FORMAT"));
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    WriteBytes(folder.Join("FORMAT"), damaged);
    EXPECT_FALSE(DataFolder::Open(folder.path(), true).ok()) << "bit " << bit;
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    WriteBytes(folder.Join("FORMAT"), whole.substr(0, size));
    EXPECT_FAILS(DataFolder::Open(folder.path(), true), absl::StatusCode::kDataLoss,
                 reason::kCorruption);
  }
  WriteBytes(folder.Join("FORMAT"), whole);
  EXPECT_OK(DataFolder::Open(folder.path(), true));
}

// The example of docs/formats/data-folder.md: what is on disks already must stay readable.
TEST(DataFolderTest, TheDocumentedFormatFileIsRead) {
  TempFolder folder;
  std::string format("KITHDATA\1\0\0\0\2\0\0\0", 16);
  for (char i = 0; i < 16; ++i) format += i;
  format += std::string(8, '\0') + "\xf2\x74\xe9\x16\x60\xf0\xae\x70";
  WriteBytes(folder.Join("FORMAT"), format);
  const auto opened = DataFolder::Open(folder.path(), false);
  ASSERT_OK(opened);
  EXPECT_TRUE((*opened)->complete());
  for (uint8_t i = 0; i < 16; ++i) EXPECT_EQ((*opened)->uuid()[i], i);
}

TEST(DataFolderTest, AFolderOfAnOlderFormatIsOfThisOneFromThenOn) {
  TempFolder folder;
  ASSERT_OK(OpenStatus(folder.path()));
  std::string format = ReadBytes(folder.Join("FORMAT"));
  format[8] = 1;
  const uint64_t hash = XXH3_64bits(format.data(), 40);
  std::memcpy(format.data() + 40, &hash, sizeof(hash));
  WriteBytes(folder.Join("FORMAT"), format);
  ASSERT_OK(OpenStatus(folder.path()));
  EXPECT_EQ(ReadBytes(folder.Join("FORMAT"))[8], static_cast<char>(kFormatVersion));
}

TEST(DataFolderTest, AFolderOfVersionTwoGetsTheFamilyThatItDoesNotHave) {
  TempFolder folder;
  StoreOptions options = SmallOptions(folder.path());
  {
    auto store = Store::Open(options);
    ASSERT_OK(store);
    auto shard = TestShard::Load(**store, 3);
    ASSERT_OK(shard);
    ASSERT_OK(shard->Upsert("document", 5, Durability::kSynced));
  }
  {
    rocksdb::Options db_options;
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(db_options, folder.Join("db"), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (const std::string& name : names) descriptors.emplace_back(name, rocksdb::Options());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(db_options, folder.Join("db"), descriptors, &handles, &db).ok());
    int dropped = 0;
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      if (handle->GetName() == "updates") dropped += db->DropColumnFamily(handle).ok();
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
    delete db;
    ASSERT_EQ(dropped, 1);
  }
  std::string format = ReadBytes(folder.Join("FORMAT"));
  format[8] = 2;
  const uint64_t hash = XXH3_64bits(format.data(), 40);
  std::memcpy(format.data() + 40, &hash, sizeof(hash));
  WriteBytes(folder.Join("FORMAT"), format);

  auto store = Store::Open(options);
  ASSERT_OK(store);
  EXPECT_TRUE((*store)->Latest().GetDocument(3, "document").value().has_value());
  auto shard = TestShard::Load(**store, 3);
  ASSERT_OK(shard);
  EXPECT_OK(shard->Upsert("another", 6, Durability::kSynced));
  EXPECT_OK((*store)->Latest().ScanUpdates(
      3, 0, 0, UINT64_MAX, [](const MetadataUpdate&) { return false; }, Call::Background()));
}

TEST(DataFolderTest, ADatabaseOfAnotherFolderIsRefused) {
  TempFolder one;
  TempFolder two;
  ASSERT_OK(OpenStatus(one.path()));
  ASSERT_OK(OpenStatus(two.path()));
  std::filesystem::remove_all(one.Join("db"));
  std::filesystem::copy(two.Join("db"), one.Join("db"), std::filesystem::copy_options::recursive);
  EXPECT_FAILS(OpenStatus(one.path()), absl::StatusCode::kDataLoss, reason::kCorruption);
}

TEST(DataFolderTest, APathThatIsAFileIsRefusedInASentence) {
  TempFolder folder;
  WriteBytes(folder.Join("file"), "");
  for (const std::string path : {"file", "file/data"}) {
    const absl::Status refused = OpenStatus(folder.Join(path));
    EXPECT_FAILS(refused, absl::StatusCode::kFailedPrecondition, reason::kStorageError);
    EXPECT_THAT(std::string(refused.message()), HasSubstr(folder.Join("file")));
  }
}

TEST(DataFolderTest, AFolderThatCannotBeWrittenIsPermissionDenied) {
  if (geteuid() == 0)
    GTEST_SKIP() << "root may write everywhere; ErrnoSaysWhatTheCallerShouldDo covers the code";
  TempFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0500), 0);
  EXPECT_FAILS(OpenStatus(folder.path()), absl::StatusCode::kPermissionDenied,
               reason::kStorageError);
  ASSERT_EQ(chmod(folder.path().c_str(), 0700), 0);
}

TEST(DataFolderTest, ErrnoSaysWhatTheCallerShouldDo) {
  EXPECT_FAILS(ErrnoError(EROFS, "write", "/x"), absl::StatusCode::kPermissionDenied,
               reason::kStorageError);
  EXPECT_FAILS(ErrnoError(EACCES, "write", "/x"), absl::StatusCode::kPermissionDenied,
               reason::kStorageError);
  EXPECT_FAILS(ErrnoError(ENOSPC, "write", "/x"), absl::StatusCode::kResourceExhausted,
               reason::kDiskWatermark);
  EXPECT_FAILS(ErrnoError(EIO, "write", "/x"), absl::StatusCode::kInternal, reason::kStorageError);
  EXPECT_EQ(std::string(ErrnoError(ENOENT, "open", "/x").message()),
            "cannot open /x: No such file or directory");
}

TEST(AtomicFileTest, NothingChangesBeforeCommitAndNothingRemainsWithoutIt) {
  TempFolder folder;
  const std::string path = folder.Join("file");
  ASSERT_OK(WriteFileAtomically(path, "old"));
  {
    auto file = AtomicFile::Create(path);
    ASSERT_OK(file);
    ASSERT_OK(file->Append("new"));
    EXPECT_EQ(ReadBytes(path), "old");
  }
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"file"});
  auto file = AtomicFile::Create(path);
  ASSERT_OK(file);
  ASSERT_OK(file->Append("n"));
  ASSERT_OK(file->Append("ew"));
  ASSERT_OK(file->Commit());
  EXPECT_EQ(ReadBytes(path), "new");
  EXPECT_EQ(Names(folder.path()), std::vector<std::string>{"file"});
  EXPECT_FAILS(ReadFile(path, 2), absl::StatusCode::kResourceExhausted, reason::kStorageError);
  EXPECT_EQ(ReadFile(path, 3).value(), "new");
  EXPECT_FAILS(AtomicFile::Create(folder.Join("none/file")), absl::StatusCode::kNotFound,
               reason::kStorageError);
}

}  // namespace
}  // namespace kith::storage
