#include "client/cli/source_files.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kith::cli {
namespace {

std::vector<std::string> IdsOf(const SourceFiles& found) {
  std::vector<std::string> ids;
  for (const SourceFile& file : found.files) ids.push_back(file.id);
  return ids;
}

TEST(SourceFilesTest, FoldersAreWalkedAndFilesGetTheirPathAsId) {
  TempFolder folder;
  folder.Write("b.md", "12");
  folder.Write("a/deep/c.TXT", "345");
  folder.Write("a/data.jsonl", "6");
  folder.Write("a/picture.png", "x");
  folder.Write(".git/config.txt", "x");
  folder.Write("a/.hidden.md", "x");
  const auto found = FindSourceFiles({folder.path()});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(IdsOf(*found), testing::ElementsAre("a/data.jsonl", "a/deep/c.TXT", "b.md"));
  EXPECT_EQ(found->files[0].kind, FileKind::kJsonLines);
  EXPECT_EQ(found->files[1].kind, FileKind::kText);
  EXPECT_EQ(found->files[2].kind, FileKind::kMarkdown);
  EXPECT_EQ(found->bytes, 6u);
  EXPECT_EQ(found->skipped, 1u);
}

TEST(SourceFilesTest, AFileNamedItselfHasItsNameAsId) {
  TempFolder folder;
  const std::string path = folder.Write("a/b.md", "x");
  EXPECT_THAT(IdsOf(FindSourceFiles({path}).value()), testing::ElementsAre("b.md"));
}

TEST(SourceFilesTest, LinksToFoldersAreNotFollowed) {
  TempFolder folder;
  folder.Write("a.md", "x");
  std::filesystem::create_directory_symlink(folder.path(), folder.path() / "loop");
  EXPECT_THAT(IdsOf(FindSourceFiles({folder.path()}).value()), testing::ElementsAre("a.md"));
}

TEST(SourceFilesTest, MissingPathsAndUnknownKindsAreRefused) {
  TempFolder folder;
  const std::string binary = folder.Write("program.bin", "x");
  for (const std::string& path : {folder.Join("missing.md"), binary}) {
    const auto found = FindSourceFiles({path});
    EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(found.status().message()), testing::StartsWith(path + ": "));
  }
}

}  // namespace
}  // namespace kith::cli
