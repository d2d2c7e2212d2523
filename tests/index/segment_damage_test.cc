// Damaged files: every kind of damage is found, by Open, by a search that meets it, or by a scrub;
// none is trusted, none ends the process. And hostile files, whose checksums are right.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/index_writer.h"
#include "index/measure_recall.h"
#include "index/search.h"
#include "index/segment_file.h"
#include "tests/index/data.h"
#include "tests/index/sealed.h"
#include "xxhash.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 11;
constexpr uint32_t kDimension = 40;
constexpr size_t kRows = 1500;

// `bytes` with another header, whose checksum is right.
template <typename Change>
std::string RewriteHeader(std::string bytes, const Change& change) {
  change(bytes);
  const uint64_t checksum = XXH3_64bits(bytes.data(), kHeaderBytes - 8);
  std::memcpy(bytes.data() + kHeaderBytes - 8, &checksum, 8);
  return bytes;
}

class SegmentDamageTest : public testing::TestWithParam<Metric> {
 protected:
  SegmentDamageTest()
      : writer_(*IndexWriter::Create({.dimension = kDimension, .metric = GetParam()})) {
    VectorMaker maker(Family::kGaussian, kDimension, kSeed);
    EXPECT_TRUE(writer_->Reserve(kRows).ok());
    for (size_t i = 0; i < kRows; ++i) {
      writer_->Append(3 * i, static_cast<uint32_t>(i % 2), maker.Next());
    }
    writer_->CloseGrowing();
    query_ = maker.Next();
    const IndexView view = writer_->Publish();
    const auto made = sealer_.Build(view.options(), view.segments(), {.ef_construction = 30});
    EXPECT_TRUE(made.ok()) << made.status();
    paths_ = made->paths;
    graph_ = ReadAll(paths_.graph);
    rows_ = ReadAll(paths_.rows);
  }

  absl::StatusOr<std::shared_ptr<const SealedSegment>> Open() {
    return SealedSegment::Open(writer_->options(), paths_, Call::Background());
  }

  // The segment with its damage, as a search meets it.
  absl::Status SearchIn(const std::shared_ptr<const SealedSegment>& segment, bool exact) {
    auto writer = *IndexWriter::Create(writer_->options());
    writer->AddSealed(segment);
    SearchScratch scratch;
    return Search(writer->Publish(), {.queries = query_, .k = 100, .exact = exact},
                  Call::Background(), scratch)
        .status();
  }

  // Of the rows file.
  static size_t BodyBytes() {
    return kRows * (kDimension * 4 + (GetParam() == Metric::kCosine ? 8 : 0));
  }

  static void ExpectCorruption(const absl::Status& status, const std::string& path) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(DetailsOf(status).reason, reason::kCorruption);
    EXPECT_NE(status.message().find(path), std::string::npos) << status;
  }

  Sealer sealer_;
  std::unique_ptr<IndexWriter> writer_;
  Vector query_;
  SegmentPaths paths_;
  std::string graph_;
  std::string rows_;
};

TEST_P(SegmentDamageTest, AFlippedBitAnywhereInTheGraphFileIsFoundByOpen) {
  std::mt19937_64 random(kSeed);
  // All over the header, the tail, and anywhere.
  std::vector<size_t> places;
  for (size_t at = 0; at < 900; at += 3) places.push_back(at);
  for (size_t at = graph_.size() - 64; at < graph_.size(); ++at) places.push_back(at);
  for (int i = 0; i < 150; ++i) places.push_back(random() % graph_.size());
  for (const size_t at : places) {
    std::string bytes = graph_;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    WriteAll(paths_.graph, bytes);
    const auto opened = Open();
    ASSERT_FALSE(opened.ok()) << "byte " << at;
    ExpectCorruption(opened.status(), paths_.graph);
  }
}

TEST_P(SegmentDamageTest, AFlippedBitInTheFrameOfTheRowsFileIsFoundByOpen) {
  std::mt19937_64 random(kSeed);
  const size_t table = kHeaderBytes + BodyBytes();
  std::vector<size_t> places;
  for (size_t at = 0; at < kHeaderBytes; at += 11) places.push_back(at);
  for (size_t at = table; at < rows_.size(); ++at) places.push_back(at);
  for (const size_t at : places) {
    std::string bytes = rows_;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    WriteAll(paths_.rows, bytes);
    const auto opened = Open();
    ASSERT_FALSE(opened.ok()) << "byte " << at;
    ExpectCorruption(opened.status(), paths_.rows);
  }
}

TEST_P(SegmentDamageTest, AFlippedBitInTheRowsIsFoundWhenTouchedAndByAScrub) {
  std::mt19937_64 random(kSeed);
  const size_t body = BodyBytes();
  for (int i = 0; i < 40; ++i) {
    const size_t at = kHeaderBytes + random() % body;
    std::string bytes = rows_;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    WriteAll(paths_.rows, bytes);
    const auto opened = Open();
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_FALSE((*opened)->damaged());
    ExpectCorruption(SearchIn(*opened, true), paths_.rows);
    EXPECT_TRUE((*opened)->damaged());
    // Again, now that it is known.
    ExpectCorruption(SearchIn(*opened, true), paths_.rows);

    const auto scrubbed = Open();
    ASSERT_TRUE(scrubbed.ok());
    ExpectCorruption((*scrubbed)->VerifyAll(Call::Background()), paths_.rows);
    EXPECT_TRUE((*scrubbed)->damaged());
    // And it is not carried into another segment.
    auto writer = *IndexWriter::Create(writer_->options());
    writer->AddSealed(*Open());
    const IndexView view = writer->Publish();
    ExpectCorruption(sealer_.Build(view.options(), view.segments(), {}).status(), paths_.rows);
    EXPECT_TRUE(view.segments()[0].sealed->damaged());
  }
}

TEST_P(SegmentDamageTest, ASearchThatTouchesDamageAnswersWithItAndOneThatDoesNotIsRight) {
  // The first block alone is damaged: 65,536 bytes of rows.
  std::string bytes = rows_;
  bytes[kHeaderBytes + 100] = static_cast<char>(bytes[kHeaderBytes + 100] ^ 1);
  WriteAll(paths_.rows, bytes);
  const auto opened = Open();
  ASSERT_TRUE(opened.ok());
  auto writer = *IndexWriter::Create(writer_->options());
  writer->AddSealed(*opened);
  const IndexView damaged = writer->Publish();
  const IndexView whole = writer_->Publish();
  VectorMaker maker(Family::kGaussian, kDimension, kSeed + 1);
  SearchScratch scratch;
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    const Vector query = maker.Next();
    const auto got = Search(damaged, {.queries = query, .k = 1}, Call::Background(), scratch);
    if (!got.ok()) {
      ExpectCorruption(got.status(), paths_.rows);
      ++failed;
      continue;
    }
    const std::vector<uint64_t> ordinal = {got->hits[0].ordinal};
    const auto score = ExactScores(whole, query, ordinal, Call::Background());
    ASSERT_TRUE(score.ok());
    EXPECT_EQ((*score)[0], got->hits[0].score);
  }
  EXPECT_GT(failed, 0);
}

TEST_P(SegmentDamageTest, AFileCutOffAnywhereIsFoundByOpen) {
  std::mt19937_64 random(kSeed);
  for (const bool graph : {false, true}) {
    const std::string& whole = graph ? graph_ : rows_;
    const std::string& path = graph ? paths_.graph : paths_.rows;
    std::vector<size_t> lengths = {0, 1, 8, 4095, 4096, 4097, whole.size() - 1, whole.size() - 8};
    for (int i = 0; i < 60; ++i) lengths.push_back(random() % whole.size());
    for (const size_t length : lengths) {
      WriteAll(path, std::string_view(whole).substr(0, length));
      const auto opened = Open();
      ASSERT_FALSE(opened.ok()) << length;
      ExpectCorruption(opened.status(), path);
    }
    WriteAll(path, whole + "x");
    ExpectCorruption(Open().status(), path);
    WriteAll(path, whole);
    ASSERT_TRUE(Open().ok());
  }
}

TEST_P(SegmentDamageTest, AFileCutOffAfterItWasOpenedIsFoundWhenTouched) {
  for (const size_t length : {size_t{0}, size_t{5000}, rows_.size() / 2}) {
    WriteAll(paths_.rows, rows_);
    const auto opened = Open();
    ASSERT_TRUE(opened.ok());
    ASSERT_EQ(truncate(paths_.rows.c_str(), static_cast<off_t>(length)), 0);
    ExpectCorruption(SearchIn(*opened, true), paths_.rows);
    EXPECT_TRUE((*opened)->damaged());
    ExpectCorruption((*opened)->VerifyAll(Call::Background()), paths_.rows);
  }
}

TEST_P(SegmentDamageTest, ZeroedPagesAreFound) {
  for (const bool graph : {false, true}) {
    const std::string& whole = graph ? graph_ : rows_;
    const std::string& path = graph ? paths_.graph : paths_.rows;
    for (size_t at = 0; at + 4096 <= whole.size(); at += 4096) {
      std::string bytes = whole;
      std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at), 4096, '\0');
      if (bytes == whole) continue;
      WriteAll(path, bytes);
      const auto opened = Open();
      ExpectCorruption(opened.ok() ? SearchIn(*opened, true) : opened.status(), path);
    }
    WriteAll(path, whole);
  }
}

TEST_P(SegmentDamageTest, FilesThatAreNoPairAreRefused) {
  auto other = *IndexWriter::Create(writer_->options());
  ASSERT_TRUE(other->Reserve(kRows).ok());
  VectorMaker maker(Family::kGaussian, kDimension, kSeed + 1);
  for (size_t i = 0; i < kRows; ++i) other->Append(3 * i, 0, maker.Next());
  other->CloseGrowing();
  const IndexView view = other->Publish();
  const auto made = sealer_.Build(view.options(), view.segments(), {.ef_construction = 30});
  ASSERT_TRUE(made.ok());
  const SegmentPaths mixed = {paths_.graph, made->paths.rows};
  const auto opened = SealedSegment::Open(view.options(), mixed, Call::Background());
  ExpectCorruption(opened.status(), paths_.graph);
  const SegmentPaths swapped = {paths_.rows, paths_.graph};
  ExpectCorruption(SealedSegment::Open(view.options(), swapped, Call::Background()).status(),
                   paths_.rows);
}

TEST_P(SegmentDamageTest, AnotherIndexesSegmentIsRefused) {
  IndexOptions options = writer_->options();
  options.dimension += 1;
  EXPECT_EQ(SealedSegment::Open(options, paths_, Call::Background()).status().code(),
            absl::StatusCode::kDataLoss);
  options = writer_->options();
  options.metric = options.metric == Metric::kL2 ? Metric::kDot : Metric::kL2;
  EXPECT_EQ(SealedSegment::Open(options, paths_, Call::Background()).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_P(SegmentDamageTest, MissingFilesAndThingsThatAreNoFilesAreRefused) {
  ASSERT_EQ(std::remove(paths_.rows.c_str()), 0);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(mkdir(paths_.rows.c_str(), 0700), 0);
  EXPECT_FALSE(Open().ok());
  ASSERT_EQ(std::remove(paths_.graph.c_str()), 0);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kNotFound);
}

TEST_P(SegmentDamageTest, AnotherFormatVersionIsRefusedByName) {
  const auto made = RewriteHeader(graph_, [](std::string& header) { header[8] = 2; });
  WriteAll(paths_.graph, made);
  const absl::Status status = Open().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(DetailsOf(status).reason, reason::kFormatVersion);
}

// Sections whose bytes are nonsense and whose checksums are right, as an attacker makes them.
TEST_P(SegmentDamageTest, HostileSectionsWithRightChecksumsAreRefusedOrHarmless) {
  std::mt19937_64 random(kSeed);
  const auto file = SegmentFile::Open(paths_.graph, SegmentFileKind::kGraph);
  ASSERT_TRUE(file.ok());
  const SegmentHeader header = file->header();
  int refused = 0;
  for (int round = 0; round < 250; ++round) {
    std::vector<std::string> sections;
    for (const auto& section : header.sections) {
      sections.push_back(graph_.substr(kHeaderBytes + section.offset, section.size));
    }
    std::string& hit = sections[random() % sections.size()];
    if (hit.empty()) continue;
    switch (random() % 4) {
      case 0:  // cut
        hit.resize(random() % hit.size());
        break;
      case 1: {  // a number, the greatest there is or random
        const size_t at = random() % (hit.size() / 4 + 1) * 4;
        const uint32_t value = random() % 2 == 0 ? UINT32_MAX : static_cast<uint32_t>(random());
        std::memcpy(hit.data() + std::min(at, hit.size() - 4), &value, 4);
        break;
      }
      case 2:  // noise from some place on
        for (size_t at = random() % hit.size(); at < hit.size(); ++at) {
          hit[at] = static_cast<char>(random());
        }
        break;
      default:  // a portion twice
        hit += hit.substr(random() % hit.size());
        break;
    }
    SegmentHeader next = header;
    for (size_t i = 0; i < sections.size(); ++i) next.sections[i].size = sections[i].size();
    std::string bytes;
    const ByteSink sink = [&](std::string_view part) {
      bytes += part;
      return absl::OkStatus();
    };
    SegmentFileWriter writer(sink);
    ASSERT_TRUE(writer.Begin(next).ok());
    for (const std::string& section : sections) ASSERT_TRUE(writer.Append(section).ok());
    ASSERT_TRUE(writer.Finish().ok());
    WriteAll(paths_.graph, bytes);
    const auto opened = Open();
    if (!opened.ok()) {
      ++refused;
      EXPECT_EQ(opened.status().code(), absl::StatusCode::kDataLoss) << opened.status();
      continue;
    }
    // Other codes, or another curve: answers may be bad, scores are right and nothing breaks.
    auto index = *IndexWriter::Create(writer_->options());
    index->AddSealed(*opened);
    const IndexView view = index->Publish();
    SearchScratch scratch;
    for (const bool grouped : {false, true}) {
      const auto found = Search(view, {.queries = query_, .k = 20, .group_by_document = grouped},
                                Call::Background(), scratch);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(found->hits.size(), 20u);
    }
  }
  EXPECT_GT(refused, 60);
}

INSTANTIATE_TEST_SUITE_P(EveryMetric, SegmentDamageTest, testing::ValuesIn(kMetrics),
                         [](const auto& info) { return std::string(MetricName(info.param)); });

}  // namespace
}  // namespace kith::index
