#include "client/cli/vecs_file.h"

#include <limits>
#include <string>
#include <vector>

#include "client/cli/document_source.h"
#include "client/cpp/vector.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"

namespace kith::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Value>
std::string Row(int32_t count, const std::vector<Value>& values) {
  std::string bytes(reinterpret_cast<const char*>(&count), 4);
  bytes.append(reinterpret_cast<const char*>(values.data()), 4 * values.size());
  return bytes;
}
template <typename Value>
std::string Row(const std::vector<Value>& values) {
  return Row(static_cast<int32_t>(values.size()), values);
}

std::string ErrorOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

TEST(VecsFileTest, RowsComeBackAsTheyWereWritten) {
  TempFolder folder;
  const std::string floats =
      folder.Write("a.fvecs", Row<float>({0.5f, -2}) + Row<float>({3, 1e-30f}));
  const auto rows = ReadFvecs(floats);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(*rows, ElementsAre(ElementsAre(0.5f, -2), ElementsAre(3, 1e-30f)));

  const std::string numbers = folder.Write("a.ivecs", Row<int32_t>({7, 0, 9}) + Row<int32_t>({}));
  const auto truth = ReadIvecs(numbers);
  ASSERT_TRUE(truth.ok()) << truth.status();
  EXPECT_THAT(*truth, ElementsAre(ElementsAre(7, 0, 9), ElementsAre()));
}

TEST(VecsFileTest, AFileCutAnywhereInsideARowIsRefused) {
  TempFolder folder;
  const std::string whole = Row<float>({1, 2, 3}) + Row<float>({4, 5, 6});
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string path = folder.Write("cut.fvecs", whole.substr(0, size));
    const auto rows = ReadFvecs(path);
    if (size == whole.size() / 2) {
      EXPECT_TRUE(rows.ok()) << size;
    } else {
      ErrorOf(rows.status());
    }
    if (size != 0 && size != whole.size() / 2) ErrorOf(ReadIvecs(path).status());
  }
}

TEST(VecsFileTest, CountsThatCannotBeAreRefusedBeforeAnythingIsRead) {
  TempFolder folder;
  for (const int32_t count :
       {0, -1, 4097, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()}) {
    const std::string path = folder.Write("bad.fvecs", Row<float>(count, {1, 2}));
    EXPECT_THAT(ErrorOf(ReadFvecs(path).status()), HasSubstr(std::to_string(count)));
  }
  for (const int32_t count : {-1, 10'001, std::numeric_limits<int32_t>::max()}) {
    const std::string path = folder.Write("bad.ivecs", Row<int32_t>(count, {1, 2}));
    EXPECT_THAT(ErrorOf(ReadIvecs(path).status()), HasSubstr(std::to_string(count)));
  }
}

TEST(VecsFileTest, RowsOfAnFvecsFileHaveOneLength) {
  TempFolder folder;
  const std::string path = folder.Write("mixed.fvecs", Row<float>({1, 2}) + Row<float>({1, 2, 3}));
  EXPECT_THAT(ErrorOf(ReadFvecs(path).status()), HasSubstr("row 1"));
  ErrorOf(ReadFvecs(folder.Join("missing.fvecs")).status());
}

TEST(DocumentSourceTest, VectorsAreNumberedThroughAllFilesInTheOrderGiven) {
  TempFolder folder;
  const std::string first = folder.Write("b.fvecs", Row<float>({1, 2}) + Row<float>({3, 4}));
  const std::string second = folder.Write("a.fvecs", Row<float>({5, 6}));
  const auto found = FindSourceFiles({first, second});
  ASSERT_TRUE(found.ok()) << found.status();
  DocumentSource source(*found);
  std::vector<std::string> ids, places;
  std::vector<float> last;
  for (DocumentSource::Item item; source.Next(item);) {
    ASSERT_TRUE(item.document.ok()) << item.document.status();
    ids.push_back(item.document->id());
    places.push_back(source.PlaceOf(item.tag));
    last = client::UnpackVector(item.document->vector()).value();
  }
  EXPECT_THAT(ids, ElementsAre("0", "1", "2"));
  EXPECT_THAT(places, ElementsAre(first + ":1", first + ":2", second + ":1"));
  EXPECT_THAT(last, ElementsAre(5, 6));
  EXPECT_EQ(source.bytes_done(), found->bytes);
}

TEST(DocumentSourceTest, ABrokenFileIsToldAndTheOthersAreRead) {
  TempFolder folder;
  const std::string broken = folder.Write("a.fvecs", Row<float>({1}) + "xx");
  const std::string lines = folder.Write("b.jsonl", "{\"id\":\"x\",\"text\":\"t\"}\nnot json\n\n");
  const std::string text = folder.Write("c.txt", "hello");
  DocumentSource source(FindSourceFiles({broken, lines, text}).value());
  std::vector<std::string> told;
  for (DocumentSource::Item item; source.Next(item);) {
    told.push_back(source.PlaceOf(item.tag) + (item.document.ok() ? " ok" : " refused"));
  }
  EXPECT_THAT(told, ElementsAre(broken + ":1 ok", broken + " refused", lines + ":1 ok",
                                lines + ":2 refused", text + " ok"));
}

}  // namespace
}  // namespace kith::cli
