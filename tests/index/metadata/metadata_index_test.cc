#include "index/metadata/metadata_index.h"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/metadata/fold_metadata.h"
#include "index/metadata/metadata_builder.h"
#include "index/metadata/metadata_column.h"
#include "index/metadata/metadata_runs.h"
#include "tests/index/metadata/rows.h"

namespace kith::index {
namespace {

using Index = std::shared_ptr<const MetadataIndex>;

std::string ImageOf(const MetadataIndex& index) {
  return {reinterpret_cast<const char*>(index.image().data()), index.image().size()};
}

struct Row {
  uint32_t slot;
  bool head;
  MetadataRow row;
};

// Documents of 1 to 4 passages, with gaps between them or without.
std::vector<Row> Documents(Random& random, size_t rows, bool gaps) {
  std::vector<Row> out;
  uint32_t slot = static_cast<uint32_t>(Below(random, 5));
  while (out.size() < rows) {
    const MetadataRow row = ARow(random);
    const size_t passages = Below(random, 4) + 1;
    for (size_t i = 0; i < passages; ++i) out.push_back({slot++, i == 0, row});
    if (gaps) slot += static_cast<uint32_t>(Below(random, 4));
  }
  return out;
}

Index Build(const std::vector<Row>& rows, uint64_t stamp = 0) {
  MetadataBuilder builder(stamp);
  for (const Row& row : rows) builder.Add(row.slot, row.head, row.row);
  return builder.Build();
}

TEST(MetadataIndexTest, SaysOfEveryRowWhatWasAdded) {
  constexpr uint64_t kSeed = 31;
  Random random(kSeed);
  for (const size_t size : {1u, 2u, 63u, 64u, 65u, 500u, 6000u}) {
    for (const bool gaps : {false, true}) {
      const std::vector<Row> rows = Documents(random, size, gaps);
      const Index index = Build(rows, 7);
      ASSERT_EQ(index->rows(), rows.size()) << "seed " << kSeed;
      ASSERT_EQ(index->stamp(), 7u);
      std::map<uint32_t, uint32_t> row_of;
      for (uint32_t i = 0; i < rows.size(); ++i) {
        ASSERT_EQ(index->Slot(i), rows[i].slot);
        ASSERT_EQ(index->heads().Contains(i), rows[i].head);
        ASSERT_EQ(index->Row(i), Canonical(rows[i].row)) << i;
        row_of[rows[i].slot] = i;
      }
      for (uint32_t slot = 0; slot < rows.back().slot + 3; ++slot) {
        const auto expected = row_of.find(slot);
        const auto row = index->RowOf(slot);
        ASSERT_EQ(row.has_value(), expected != row_of.end()) << slot;
        if (row.has_value()) {
          ASSERT_EQ(*row, expected->second);
        }
      }
    }
  }
}

TEST(MetadataIndexTest, AnImageIsReadBackAsItWas) {
  constexpr uint64_t kSeed = 32;
  Random random(kSeed);
  const std::vector<Row> rows = Documents(random, 9000, true);
  const Index index = Build(rows);
  // At every alignment.
  for (size_t shift = 0; shift < 8; ++shift) {
    const auto bytes =
        std::make_shared<const std::string>(std::string(shift, 'x') + ImageOf(*index));
    const auto read = MetadataIndex::Parse(std::as_bytes(std::span(*bytes)).subspan(shift), bytes,
                                           rows.back().slot + 1);
    ASSERT_TRUE(read.ok()) << read.status();
    for (uint32_t i = 0; i < rows.size(); i += 97) ASSERT_EQ((*read)->Row(i), index->Row(i));
  }
}

TEST(MetadataIndexTest, TheSameRowsGiveTheSameBytesHoweverTheyCame) {
  constexpr uint64_t kSeed = 33;
  Random random(kSeed);
  for (const size_t size : {3u, 300u, 9000u}) {
    std::vector<Row> rows = Documents(random, size, true);
    for (size_t i = 0; i < rows.size(); ++i) rows[i].slot = static_cast<uint32_t>(i);
    const Index whole = Build(rows);
    // In halves that are merged, and folded from several segments.
    const size_t middle = rows.size() / 2;
    const Index left = Build({rows.begin(), rows.begin() + static_cast<ptrdiff_t>(middle)});
    const Index right = Build({rows.begin() + static_cast<ptrdiff_t>(middle), rows.end()});
    ASSERT_EQ(ImageOf(*MergeRuns(*left, *right)), ImageOf(*whole)) << "seed " << kSeed;

    const MetadataRuns first = MetadataRuns(left);
    const Index moved =
        RenameSlots(*right, [&](uint32_t slot) { return std::optional<uint32_t>(slot - middle); });
    const MetadataRuns second = MetadataRuns(moved);
    const std::vector<MetadataSource> sources = {{.runs = &first, .visible = left->rows()},
                                                 {.runs = &second, .visible = moved->rows()}};
    ASSERT_EQ(FoldMetadata(sources).value(), ImageOf(*whole));
  }
}

TEST(MetadataIndexTest, RowsThatGoTakeTheirValuesWithThem) {
  constexpr uint64_t kSeed = 34;
  Random random(kSeed);
  const std::vector<Row> rows = Documents(random, 9000, false);
  const Index index = Build(rows, 3);
  std::vector<Row> kept;
  for (const Row& row : rows) {
    if (row.slot % 7 == 0) kept.push_back({row.slot / 7, row.head, row.row});
  }
  const Index some = RenameSlots(*index, [](uint32_t slot) {
    return slot % 7 == 0 ? std::optional<uint32_t>(slot / 7) : std::nullopt;
  });
  EXPECT_EQ(ImageOf(*some), ImageOf(*Build(kept, 3))) << "seed " << kSeed;
  EXPECT_EQ(RenameSlots(*index, [](uint32_t) { return std::nullopt; }), nullptr);
}

TEST(MetadataIndexTest, OfTwoRunsTheNewerCounts) {
  MetadataBuilder older(2), newer(9);
  older.AddDocument(3, 2, {{"a", "old"}, {"b", int64_t{1}}});
  older.AddDocument(5, 1, {{"a", "other"}});
  newer.AddDocument(3, 2, {{"a", "new"}});
  newer.AddDocument(9, 1, {});
  const Index merged = MergeRuns(*older.Build(), *newer.Build());
  ASSERT_EQ(merged->rows(), 4u);
  EXPECT_EQ(merged->stamp(), 9u);
  EXPECT_EQ(merged->Row(0), (MetadataRow{{"a", "new"}}));
  EXPECT_EQ(merged->Row(2), (MetadataRow{{"a", "other"}}));
  EXPECT_EQ(merged->Row(3), MetadataRow());
  EXPECT_FALSE(merged->heads().Contains(1));
  EXPECT_TRUE(merged->heads().Contains(3));
  EXPECT_TRUE(merged->Columns("b").empty());  // nobody has it any more
}

TEST(MetadataIndexTest, ANumberThatIsNoneIsNotThere) {
  MetadataBuilder builder;
  builder.AddDocument(0, 1, {{"x", std::nan("")}, {"y", 1.5}});
  EXPECT_EQ(builder.Build()->Row(0), (MetadataRow{{"y", 1.5}}));
}

TEST(MetadataIndexTest, FieldsThatHardlyAnyRowHasTakeHardlyAnyBytes) {
  MetadataBuilder builder;
  for (uint32_t slot = 0; slot < 10'000; ++slot) {
    MetadataRow row;
    if (slot % 100 == 0) row[fmt::format("field {}", slot / 100)] = "x";
    builder.AddDocument(slot, 1, row);
  }
  // A hundred fields, each of one row.
  EXPECT_LT(builder.Build()->image().size(), 100u * 160u);
}

// docs/formats/metadata.md shows these bytes.
TEST(MetadataIndexTest, AnImageHasTheBytesThatItsDescriptionShows) {
  MetadataBuilder builder;
  builder.Add(4, true, {{"a", "x"}});
  builder.Add(5, false, {});
  const Index index = builder.Build();
  std::string hex;
  for (const std::byte byte : index->image()) {
    hex += fmt::format("{:02x}", std::to_integer<int>(byte));
  }
  EXPECT_EQ(hex.substr(0, hex.size() - 16),
            "4b4954484d45544101000000020000000400000001000000"
            "00000000000000009300000000000000"
            "000000000100000001000000000000000000000000000000"
            "01000000000000000100000000000000"
            "00000000000000000000000000000000"
            "01000000010000000100000000000000"
            "01010001000000000700000000000000"
            "00000000"
            "61"
            "0178"
            "00000000");
}

}  // namespace
}  // namespace kith::index
