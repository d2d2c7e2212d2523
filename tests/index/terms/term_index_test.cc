#include "index/terms/term_index.h"

#include <xxhash.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/terms/posting_block.h"
#include "index/terms/term_index_builder.h"
#include "index/terms/term_search.h"
#include "tests/index/terms/corpus.h"

namespace kith::index {
namespace {

using Postings = std::vector<std::pair<uint32_t, uint32_t>>;

Postings Read(const PostingList& list) {
  Postings postings;
  uint32_t slots[kBlockPostings], tfs[kBlockPostings];
  for (uint32_t block = 0; block < list.blocks(); ++block) {
    list.Decode(block, slots, tfs);
    for (uint32_t i = 0; i < list.block_size(block); ++i) {
      EXPECT_EQ(list.Tf(block, i), tfs[i]);
      postings.emplace_back(slots[i], tfs[i]);
    }
  }
  return postings;
}

std::map<std::string, Postings> OracleOf(const std::vector<RowTerms>& rows) {
  std::map<std::string, Postings> oracle;
  for (uint32_t slot = 0; slot < rows.size(); ++slot) {
    for (size_t i = 0; i < rows[slot].size(); ++i) {
      oracle[std::string(rows[slot].term(i))].emplace_back(slot, rows[slot].count(i));
    }
  }
  return oracle;
}

TEST(PostingBlockTest, GivesBackWhatWasPutInForEveryWidth) {
  constexpr uint64_t kSeed = 3;
  std::mt19937_64 random(kSeed);
  for (uint32_t width = 0; width <= 25; ++width) {
    for (uint32_t tf_width = 0; tf_width <= 30; ++tf_width) {
      uint32_t slots[kBlockPostings], tfs[kBlockPostings];
      const auto base = static_cast<uint32_t>(random() % 1000);
      uint32_t next = base;
      for (uint32_t i = 0; i < kBlockPostings; ++i) {
        slots[i] = next + static_cast<uint32_t>(random() & ((uint64_t{1} << width) - 1));
        next = slots[i] + 1;
        tfs[i] = 1 + static_cast<uint32_t>(random() & ((uint64_t{1} << tf_width) - 1));
      }
      std::string bytes;
      EncodeFullBlock(slots, tfs, base, bytes);
      uint32_t got_slots[kBlockPostings], got_tfs[kBlockPostings];
      EXPECT_EQ(
          DecodeUntrusted(BytesOf(bytes), base, kBlockPostings, UINT32_MAX, got_slots, got_tfs),
          BytesOf(bytes).data() + bytes.size());
      for (uint32_t i = 0; i < kBlockPostings; ++i) {
        ASSERT_EQ(got_slots[i], slots[i]) << width << " " << i << " seed " << kSeed;
        ASSERT_EQ(got_tfs[i], tfs[i]) << tf_width << " " << i << " seed " << kSeed;
        ASSERT_EQ(FullBlockTf(BytesOf(bytes).data(), i), tfs[i]);
      }
    }
  }
}

TEST(PostingBlockTest, TheWidestGapAndTheLastSlot) {
  uint32_t slots[kBlockPostings], tfs[kBlockPostings];
  for (uint32_t i = 0; i < kBlockPostings; ++i) {
    slots[i] = UINT32_MAX - 1 - (kBlockPostings - 1 - i);
    tfs[i] = kMaxTf;
  }
  slots[0] = 0;
  std::string bytes;
  EncodeFullBlock(slots, tfs, 0, bytes);
  uint32_t got_slots[kBlockPostings], got_tfs[kBlockPostings];
  ASSERT_NE(DecodeUntrusted(BytesOf(bytes), 0, kBlockPostings, UINT32_MAX, got_slots, got_tfs),
            nullptr);
  EXPECT_EQ(0, std::memcmp(slots, got_slots, sizeof(slots)));
  EXPECT_EQ(0, std::memcmp(tfs, got_tfs, sizeof(tfs)));
  EXPECT_EQ(DecodeUntrusted(BytesOf(bytes), 0, kBlockPostings, UINT32_MAX - 1, got_slots, got_tfs),
            nullptr);
}

TEST(ImpactsTest, BoundEveryPairThatWasAdded) {
  constexpr uint64_t kSeed = 8;
  std::mt19937_64 random(kSeed);
  for (int round = 0; round < 500; ++round) {
    ImpactCollector collector;
    Postings pairs(1 + random() % 128);
    for (auto& [tf, length] : pairs) {
      tf = 1 + static_cast<uint32_t>(random() % (round % 2 == 0 ? 8 : 400));
      length = tf + static_cast<uint32_t>(random() % (round % 3 == 0 ? 100000 : 300));
      collector.Add(tf, length);
    }
    std::string impacts;
    collector.AppendTo(impacts);
    ASSERT_EQ(impacts.size(), kImpactBytes);
    for (const auto& [tf, length] : pairs) {
      bool bounded = false;
      for (size_t i = 0; i < kImpactPairs; ++i) {
        bounded |= ImpactTf(static_cast<uint8_t>(impacts[2 * i])) >= tf &&
                   ImpactLength(static_cast<uint8_t>(impacts[2 * i + 1])) <= length;
      }
      ASSERT_TRUE(bounded) << tf << " in " << length << " seed " << kSeed;
    }
  }
}

TEST(ImpactsTest, LengthsAreRoundedDownByASixteenthAtMost) {
  for (uint32_t length = 0; length < 31000; ++length) {
    const uint32_t kept = ImpactLength(ImpactLengthCode(length));
    ASSERT_LE(kept, length);
    ASSERT_LE(length - kept, length / 16);
  }
  EXPECT_LE(ImpactLength(ImpactLengthCode(UINT32_MAX)), UINT32_MAX);
}

TEST(TermIndexTest, HoldsWhatTheRowsHold) {
  constexpr uint64_t kSeed = 21;
  for (const uint32_t rows : {0u, 1u, 5u, 127u, 128u, 129u, 4000u}) {
    CorpusMaker maker(3000, 40, kSeed + rows);
    const std::vector<RowTerms> corpus = maker.Rows(rows);
    const std::string image = ImageOf(corpus);
    const auto index = TermIndex::Parse(BytesOf(image));
    ASSERT_TRUE(index.ok()) << index.status() << " seed " << kSeed;
    EXPECT_EQ(index->rows(), rows);
    EXPECT_EQ(index->analyser(), "test");
    uint64_t total_length = 0;
    for (uint32_t slot = 0; slot < rows; ++slot) {
      ASSERT_EQ(index->length(slot), corpus[slot].length());
      total_length += corpus[slot].length();
    }
    EXPECT_EQ(index->total_length(), total_length);

    const auto oracle = OracleOf(corpus);
    EXPECT_EQ(index->terms(), oracle.size());
    TermIndex::Iterator it(*index);
    for (const auto& [term, postings] : oracle) {
      ASSERT_EQ(Read(index->Find(term)), postings) << term;
      ASSERT_TRUE(it.Next());
      ASSERT_EQ(it.term(), term);
      ASSERT_EQ(Read(it.postings()), postings) << term;
      ASSERT_EQ(oracle.contains(term + "x"), !index->Find(term + "x").empty());
    }
    EXPECT_FALSE(it.Next());
    for (const char* absent : {"", "a", "w", "x", "\xff\xff"}) {
      EXPECT_TRUE(index->Find(absent).empty()) << absent;
    }
  }
}

TEST(TermIndexTest, TheImageIsTheOneOfTheFormatsExample) {
  TermIndexBuilder builder("x");
  builder.Add(TermsOf({"ab", "b", "ab"}));
  builder.Add(RowTerms());
  builder.Add(TermsOf({"ab"}));
  std::string expected = "KITHTERM";
  const auto number = [&](uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) expected += static_cast<char>(value >> 8 * i);
  };
  for (const uint32_t value : {1, 3, 2, 1}) number(value, 4);
  for (const uint64_t value : {4, 11, 4, 116, 0}) number(value, 8);
  expected += "x";
  for (const uint32_t value : {3, 0, 1}) number(value, 4);
  number(0, 8);
  number(0, 8);
  expected += std::string("\0\2ab\2\3\0\1b\1\1\0\2\3\1", 15);
  number(XXH3_64bits(expected.data(), expected.size()), 8);
  EXPECT_EQ(*builder.Build(), expected);
}

TEST(TermIndexTest, AMergeIsWhatTheRowsThatStayWouldHaveMade) {
  constexpr uint64_t kSeed = 33;
  CorpusMaker maker(2000, 30, kSeed);
  std::vector<RowTerms> kept;
  std::vector<std::string> images;
  std::vector<TermIndex> indexes;
  std::vector<TermMergeSource> sources;
  const std::vector<uint32_t> sizes = {700, 0, 1, 2500, 300};
  images.reserve(sizes.size());
  indexes.reserve(sizes.size());
  for (const uint32_t size : sizes) {
    const std::vector<RowTerms> rows = maker.Rows(size);
    images.push_back(ImageOf(rows));
    indexes.push_back(*TermIndex::Parse(BytesOf(images.back())));
    // All of the first one stay, none of the last one, a half of the others.
    KeepRow keep;
    if (size == 300) keep = [](uint32_t) { return false; };
    if (size == 2500) keep = [](uint32_t slot) { return slot * 2654435761u >> 31 == 0; };
    sources.push_back({&indexes.back(), keep});
    for (uint32_t slot = 0; slot < size; ++slot) {
      if (!keep || keep(slot)) kept.push_back(rows[slot]);
    }
  }
  const auto merged = MergeTermIndexes(sources);
  ASSERT_TRUE(merged.ok());
  EXPECT_TRUE(*merged == ImageOf(kept)) << "seed " << kSeed;
}

TEST(TermIndexTest, WorkThatNobodyWaitsForEnds) {
  CorpusMaker maker(500, 30, 1);
  TermIndexBuilder builder("test");
  for (const RowTerms& row : maker.Rows(100)) builder.Add(row);
  const std::string image = ImageOf(maker.Rows(100));
  const TermIndex index = *TermIndex::Parse(BytesOf(image));
  Call call;
  call.Cancel();
  const std::vector<TermMergeSource> sources = {{&index}};
  EXPECT_EQ(MergeTermIndexes(sources, call).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(builder.Build(call).status().code(), absl::StatusCode::kCancelled);
}

// --- Damage.

// Reads all that an index can be asked for.
void Use(const TermIndex& index) {
  for (TermIndex::Iterator it(index); it.Next();) {
    Read(it.postings());
    EXPECT_EQ(index.Find(it.term()).count(), it.postings().count());
  }
  TermSearchScratch scratch;
  std::vector<std::string> words;
  for (int i = 0; i < 6; ++i) words.push_back("w" + std::to_string(i * i));
  const std::vector<TermSource> sources = {{.sealed = &index}};
  const auto match = TermMatch::Create(TermsOf(words), sources);
  ASSERT_TRUE(match.ok());
  for (const bool prune : {true, false}) {
    const auto result = SearchTerms(*match, match->statistics(), {.k = 5, .prune = prune},
                                    Call::Background(), scratch);
    ASSERT_TRUE(result.ok());
    for (const TermHit& hit : result->hits) ASSERT_LT(hit.slot, index.rows());
  }
}

class DamagedTermIndexTest : public ::testing::Test {
 protected:
  DamagedTermIndexTest() {
    CorpusMaker maker(60, 12, 77);
    image_ = ImageOf(maker.Rows(400));
  }

  static void Seal(std::string& image) {
    const uint64_t checksum = XXH3_64bits(image.data(), image.size() - 8);
    std::memcpy(image.data() + image.size() - 8, &checksum, 8);
  }

  // At an address that is not aligned, in a block that ends with it.
  static absl::StatusOr<TermIndex> ParseCopy(const std::string& image, std::vector<char>& copy) {
    copy.assign(1, 0);
    copy.insert(copy.end(), image.begin(), image.end());
    copy.shrink_to_fit();
    return TermIndex::Parse(BytesOf({copy.data() + 1, image.size()}));
  }

  std::string image_;
  std::vector<char> copy_;
};

TEST_F(DamagedTermIndexTest, EveryFlippedByteIsRefused) {
  for (size_t at = 0; at < image_.size(); ++at) {
    std::string damaged = image_;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    const auto index = ParseCopy(damaged, copy_);
    ASSERT_EQ(index.status().code(), absl::StatusCode::kDataLoss) << at;
  }
}

TEST_F(DamagedTermIndexTest, EveryTruncationIsRefused) {
  for (size_t size = 0; size < image_.size(); ++size) {
    ASSERT_EQ(ParseCopy(image_.substr(0, size), copy_).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
  ASSERT_EQ(ParseCopy(image_ + "x", copy_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(DamagedTermIndexTest, ForgedBytesUnderARightChecksumDoNoHarm) {
  constexpr uint64_t kSeed = 4;
  std::mt19937_64 random(kSeed);
  int accepted = 0;
  for (size_t at = 0; at + 8 < image_.size(); ++at) {
    std::string forged = image_;
    const char values[] = {0, 1, 2, 31, 32, 127, '\x80', '\xff', static_cast<char>(random())};
    forged[at] = values[random() % sizeof(values)];
    if (random() % 2 == 0) {
      forged[random() % (forged.size() - 8)] = static_cast<char>(random());
    }
    Seal(forged);
    const auto index = ParseCopy(forged, copy_);
    if (!index.ok()) {
      ASSERT_EQ(index.status().code(), absl::StatusCode::kDataLoss) << "seed " << kSeed;
      continue;
    }
    ++accepted;
    Use(*index);
  }
  // Impacts, tfs and lengths may be forged without anybody noticing: the loop must have tried some.
  EXPECT_GT(accepted, 10);
}

TEST_F(DamagedTermIndexTest, TheUndamagedOneIsUsed) {
  const auto index = ParseCopy(image_, copy_);
  ASSERT_TRUE(index.ok());
  Use(*index);
}

}  // namespace
}  // namespace kith::index
