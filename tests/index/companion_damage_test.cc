// Damaged and hostile companions: each kind of damage is found by opening, or by a scrub, and said
// with the file; none is trusted.

#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/companion_file.h"
#include "index/index_writer.h"
#include "index/metadata/metadata_builder.h"
#include "index/terms/term_index_builder.h"
#include "kith/base/error.h"
#include "tests/index/documents.h"
#include "tests/index/sealed.h"

namespace kith::index {
namespace {

constexpr uint64_t kSeed = 21;
constexpr uint32_t kDimension = 6;
constexpr uint32_t kRows = 600;

class CompanionDamageTest : public testing::Test {
 protected:
  CompanionDamageTest() {
    const auto made = Build(kSeed);
    EXPECT_TRUE(made.ok()) << made.status();
    made_ = *made;
    terms_ = ReadAll(made_.paths.terms);
    metadata_ = ReadAll(made_.metadata);
    const auto segment = SealedSegment::Open(options_, made_.paths, Call::Background());
    EXPECT_TRUE(segment.ok()) << segment.status();
    segment_ = *segment;
  }

  absl::StatusOr<Sealer::Made> Build(uint64_t seed) {
    auto writer = *IndexWriter::Create(options_);
    DocumentMaker maker(seed);
    VectorMaker vectors(Family::kGaussian, kDimension, seed);
    RowNeeds needs;
    std::vector<RowTerms> terms;
    std::vector<std::shared_ptr<const MetadataRow>> rows;
    for (uint32_t i = 0; i < kRows; ++i) {
      terms.push_back(TermsOf(maker.Words()));
      rows.push_back(std::make_shared<const MetadataRow>(maker.Metadata()));
      needs.Add(terms.back(), *rows.back());
    }
    EXPECT_TRUE(writer->Reserve(needs).ok());
    for (uint32_t i = 0; i < kRows; ++i) {
      writer->Append(i, 0, vectors.Next(), {&terms[i], rows[i]});
    }
    writer->CloseGrowing();
    const IndexView view = writer->Publish();
    return sealer_.Build(options_, view.segments(), {.ef_construction = 20});
  }

  absl::Status OpenTerms() {
    return SealedSegment::Open(options_, made_.paths, Call::Background()).status();
  }
  absl::Status OpenMetadata() {
    return SealedMetadata::Open(options_, *segment_, made_.metadata, Call::Background()).status();
  }

  static void ExpectCorruption(const absl::Status& status, const std::string& path) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_EQ(DetailsOf(status).reason, reason::kCorruption);
    EXPECT_NE(status.message().find(path), std::string::npos) << status;
  }

  // A file whose frame and checksums are right, around an image that somebody made up.
  void WriteHostile(SegmentFileKind kind, std::string_view image, const std::string& path) {
    std::string bytes;
    const ByteSink sink = [&](std::string_view part) {
      bytes += part;
      return absl::OkStatus();
    };
    ASSERT_TRUE(WriteCompanion(kind,
                               {.metric = options_.metric,
                                .dimension = kDimension,
                                .rows = kRows,
                                .range = segment_->range(),
                                .rows_checksum = segment_->rows_file().checksum},
                               image, sink, Call::Background())
                    .ok());
    WriteAll(path, bytes);
  }

  const IndexOptions options_ = {
      .dimension = kDimension, .metric = Metric::kDot, .companions = true, .analyser = "test"};
  Sealer sealer_;
  Sealer::Made made_;
  std::string terms_;
  std::string metadata_;
  std::shared_ptr<const SealedSegment> segment_;
};

TEST_F(CompanionDamageTest, AFlippedBitAnywhereIsFoundByOpen) {
  std::mt19937_64 random(kSeed);
  const auto flip = [&](const std::string& whole, const std::string& path, const auto& open) {
    std::vector<size_t> places;
    for (size_t at = 0; at < 160; ++at) places.push_back(at);
    for (size_t at = whole.size() - 40; at < whole.size(); ++at) places.push_back(at);
    for (int i = 0; i < 200; ++i) places.push_back(random() % whole.size());
    for (const size_t at : places) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
      WriteAll(path, bytes);
      const absl::Status status = open();
      ASSERT_FALSE(status.ok()) << "byte " << at;
      ExpectCorruption(status, path);
    }
    for (int i = 0; i < 40; ++i) {
      WriteAll(path, whole.substr(0, random() % whole.size()));
      ExpectCorruption(open(), path);
    }
    WriteAll(path, whole + "x");
    ExpectCorruption(open(), path);
    WriteAll(path, whole);
    EXPECT_TRUE(open().ok());
  };
  flip(terms_, made_.paths.terms, [this] { return OpenTerms(); });
  flip(metadata_, made_.metadata, [this] { return OpenMetadata(); });
}

TEST_F(CompanionDamageTest, FilesOfAnotherSegmentAndOfAnotherKindAreRefused) {
  const auto other = Build(kSeed + 1);
  ASSERT_TRUE(other.ok());
  WriteAll(made_.paths.terms, ReadAll(other->paths.terms));
  ExpectCorruption(OpenTerms(), made_.paths.terms);
  WriteAll(made_.metadata, ReadAll(other->metadata));
  ExpectCorruption(OpenMetadata(), made_.metadata);
  WriteAll(made_.paths.terms, metadata_);
  ExpectCorruption(OpenTerms(), made_.paths.terms);
  WriteAll(made_.metadata, terms_);
  ExpectCorruption(OpenMetadata(), made_.metadata);
}

TEST_F(CompanionDamageTest, MissingOnesAreNotFound) {
  std::filesystem::remove(made_.paths.terms);
  EXPECT_EQ(OpenTerms().code(), absl::StatusCode::kNotFound);
  std::filesystem::remove(made_.metadata);
  EXPECT_EQ(OpenMetadata().code(), absl::StatusCode::kNotFound);
}

TEST_F(CompanionDamageTest, TermsOfAnotherAnalyserAreRefused) {
  IndexOptions other = options_;
  other.analyser = "english-2";
  const absl::Status status = SealedSegment::Open(other, made_.paths, Call::Background()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(DetailsOf(status).reason, reason::kFormatVersion);
  EXPECT_NE(status.message().find("english-2"), std::string::npos) << status;
}

TEST_F(CompanionDamageTest, ImagesOfOtherRowsAreRefusedThoughTheirChecksumsAreRight) {
  TermIndexBuilder few("test");
  for (uint32_t i = 0; i < kRows - 1; ++i) few.Add(RowTerms());
  WriteHostile(SegmentFileKind::kTerms, *few.Build(), made_.paths.terms);
  ExpectCorruption(OpenTerms(), made_.paths.terms);

  const auto refused = [&](const MetadataIndex& index) {
    const auto image = index.image();
    WriteHostile(SegmentFileKind::kMetadata,
                 {reinterpret_cast<const char*>(image.data()), image.size()}, made_.metadata);
    ExpectCorruption(OpenMetadata(), made_.metadata);
  };
  // One too few; as many, but from slot 1 on; as many, with a hole.
  for (const auto& [first, hole] : {std::pair(1u, false), {2u, false}, {0u, true}}) {
    MetadataBuilder builder;
    for (uint32_t i = 0; i < kRows - (first == 1 ? 1 : 0); ++i) {
      builder.Add(i + (first == 2 ? 1 : 0) + (hole && i > 9 ? 1 : 0), true, {});
    }
    refused(*builder.Build());
  }
  for (const std::string_view garbage : {"", "x", "KITHMETA and nothing else that makes sense"}) {
    WriteHostile(SegmentFileKind::kMetadata, garbage, made_.metadata);
    ExpectCorruption(OpenMetadata(), made_.metadata);
    WriteHostile(SegmentFileKind::kTerms, garbage, made_.paths.terms);
    ExpectCorruption(OpenTerms(), made_.paths.terms);
  }
}

TEST_F(CompanionDamageTest, AScrubFindsWhatWasDamagedSinceAndFlagsTheSegment) {
  auto metadata = SealedMetadata::Open(options_, *segment_, made_.metadata, Call::Background());
  ASSERT_TRUE(metadata.ok());
  auto writer = *IndexWriter::Create(options_);
  writer->AddSealed(segment_, *metadata);
  const SegmentView view = writer->Publish().segments()[0];
  EXPECT_TRUE(view.VerifyAll(Call::Background()).ok());
  EXPECT_FALSE(view.damaged());

  std::string bytes = metadata_;
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  WriteAll(made_.metadata, bytes);
  ExpectCorruption(view.VerifyAll(Call::Background()), made_.metadata);
  EXPECT_TRUE(view.damaged());
  EXPECT_FALSE(segment_->damaged());

  bytes = terms_;
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  WriteAll(made_.paths.terms, bytes);
  ExpectCorruption(segment_->VerifyAll(Call::Background()), made_.paths.terms);
  EXPECT_TRUE(segment_->damaged());
}

TEST_F(CompanionDamageTest, EstimatesAreNotBelowWhatIsTaken) {
  auto writer = *IndexWriter::Create(options_);
  DocumentMaker maker(kSeed);
  RowNeeds needs;
  std::vector<RowTerms> terms;
  std::vector<std::shared_ptr<const MetadataRow>> rows;
  for (uint32_t i = 0; i < 2000; ++i) {
    terms.push_back(TermsOf(maker.Words()));
    rows.push_back(std::make_shared<const MetadataRow>(maker.Metadata()));
    needs.Add(terms.back(), *rows.back());
  }
  ASSERT_TRUE(writer->Reserve(needs).ok());
  for (uint32_t i = 0; i < 2000; ++i) {
    writer->Append(i, 0, Vector(kDimension, static_cast<float>(i)), {&terms[i], rows[i]});
  }
  writer->CloseGrowing();
  for (int round = 0; round < 2; ++round) {  // of a growing segment, then of the sealed one
    const IndexView view = writer->Publish();
    const CompanionEstimate estimate = EstimateCompanions(view.segments());
    const auto made = sealer_.Build(options_, view.segments(), {.ef_construction = 16});
    ASSERT_TRUE(made.ok());
    const auto sealed = Sealer::Open(options_, *made);
    ASSERT_TRUE(sealed.ok());
    const size_t taken =
        sealed->segment->terms()->size_bytes() + sealed->metadata->run()->memory_bytes();
    EXPECT_LE(taken, estimate.resident_bytes);
    if (round == 1) {
      EXPECT_LE(estimate.resident_bytes, taken * 3 / 2);
    }
    EXPECT_LE(made->built.terms.size_bytes + made->built.metadata.size_bytes,
              estimate.resident_bytes + 4 * kHeaderBytes);
    EXPECT_GE(estimate.build_bytes, estimate.resident_bytes);
    EXPECT_EQ(sealed->segment->terms_file(), made->built.terms);
    EXPECT_EQ(sealed->metadata->file(), made->built.metadata);
    ASSERT_TRUE(writer->Replace(view.segments(), sealed->segment, sealed->metadata).ok());
  }
}

}  // namespace
}  // namespace kith::index
