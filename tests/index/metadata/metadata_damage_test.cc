// Images that were damaged, by chance and on purpose: they are refused, or they can be read.

#include <xxhash.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "index/metadata/evaluate.h"
#include "index/metadata/facets.h"
#include "index/metadata/field_order.h"
#include "index/metadata/metadata_builder.h"
#include "index/metadata/metadata_image.h"
#include "kith/base/error.h"
#include "tests/index/metadata/rows.h"

namespace kith::index {
namespace {

constexpr uint32_t kSlots = 20'000;

std::string AnImage(Random& random, uint32_t documents, bool gaps) {
  MetadataBuilder builder(5);
  uint32_t slot = 0;
  for (uint32_t i = 0; i < documents; ++i) {
    builder.AddDocument(slot, 1 + i % 3, ARow(random));
    slot += 1 + i % 3 + (gaps ? 1 : 0);
  }
  const auto index = builder.Build();
  return {reinterpret_cast<const char*>(index->image().data()), index->image().size()};
}

absl::StatusOr<std::shared_ptr<const MetadataIndex>> Parse(const std::string& image) {
  // On the heap with nothing behind it, so that a read beyond the end is seen by a sanitizer.
  auto bytes = std::make_shared<std::vector<std::byte>>(image.size());
  if (!image.empty()) std::memcpy(bytes->data(), image.data(), image.size());
  return MetadataIndex::Parse(*bytes, bytes, kSlots);
}

void Seal(std::string& image) {
  const size_t size = image.size() - metadata_image::kChecksumBytes;
  const uint64_t checksum = XXH3_64bits(image.data(), size);
  std::memcpy(image.data() + size, &checksum, sizeof(checksum));
}

// Everything that is done with an index.
void Use(const std::shared_ptr<const MetadataIndex>& index, Random& random) {
  const MetadataRuns runs = MetadataRuns().With(index);
  for (int i = 0; i < 10; ++i) {
    const auto slots = Evaluate(ResolveFilter(AFilter(random, 2), LookUp).value(), runs, kSlots,
                                Call::Background());
    ASSERT_TRUE(slots.ok());
  }
  for (uint32_t row = 0; row < index->rows(); row += 13) index->Row(row);
  const SlotSet all = SlotSet::All(kSlots);
  for (const FieldOfTest& field : Fields()) {
    FacetCounter facets(field.name);
    ASSERT_TRUE(facets.Add(runs, all, Call::Background()).ok());
    FieldOrder order(runs, field.name, {.descending = Below(random, 2) == 0}, all);
    for (int i = 0; i < 200 && order.Next(); ++i) order.value();
  }
  EXPECT_LE(runs.Heads(kSlots).count(), kSlots);
}

TEST(MetadataDamageTest, EveryFlippedBitIsFound) {
  constexpr uint64_t kSeed = 41;
  Random random(kSeed);
  const std::string good = AnImage(random, 60, true);
  ASSERT_TRUE(Parse(good).ok());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string image = good;
    image[bit / 8] = static_cast<char>(image[bit / 8] ^ (1 << (bit % 8)));
    const absl::Status status = Parse(image).status();
    const bool version = bit / 32 == 2;  // the number of the format's version
    ASSERT_EQ(status.code(),
              version ? absl::StatusCode::kFailedPrecondition : absl::StatusCode::kDataLoss)
        << bit;
    ASSERT_EQ(DetailsOf(status).reason, version ? "FORMAT_VERSION" : "CORRUPTION");
  }
}

TEST(MetadataDamageTest, EveryCutIsFound) {
  constexpr uint64_t kSeed = 42;
  Random random(kSeed);
  const std::string good = AnImage(random, 60, false);
  for (size_t size = 0; size < good.size(); ++size) {
    ASSERT_EQ(Parse(good.substr(0, size)).status().code(), absl::StatusCode::kDataLoss) << size;
  }
  EXPECT_EQ(Parse(good + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(MetadataDamageTest, AWrongImageWithARightChecksumIsRefusedOrCanBeRead) {
  constexpr uint64_t kSeed = 43;
  Random random(kSeed);
  int refused = 0, taken = 0;
  // Small ones, mostly headers, and one with postings and bitmaps.
  for (const uint32_t documents : {20u, 400u, 5000u}) {
    const std::string good = AnImage(random, documents, documents == 20);
    const int changes = documents == 5000 ? 400 : 4000;
    for (int i = 0; i < changes; ++i) {
      std::string image = good;
      const size_t reach = i % 2 == 0 ? std::min<size_t>(image.size(), 700) : image.size();
      for (size_t n = Below(random, 2) + 1; n > 0; --n) {
        const size_t at = Below(random, reach);
        const char values[] = {0, 1, static_cast<char>(image[at] + 1), static_cast<char>(0xff),
                               static_cast<char>(random())};
        image[at] = values[Below(random, std::size(values))];
      }
      Seal(image);
      const auto index = Parse(image);
      if (index.ok()) {
        ++taken;
        if (taken % 10 == 0) Use(*index, random);
      } else {
        ++refused;
        ASSERT_NE(DetailsOf(index.status()).reason, "") << "seed " << kSeed;
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(taken, 0);
}

TEST(MetadataDamageTest, SlotsBeyondTheSegmentAreDamage) {
  MetadataBuilder builder;
  builder.AddDocument(kSlots - 1, 2, {});
  const auto index = builder.Build();
  EXPECT_EQ(MetadataIndex::Parse(index->image(), index, kSlots).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_TRUE(MetadataIndex::Parse(index->image(), index, kSlots + 1).ok());
}

}  // namespace
}  // namespace kith::index
