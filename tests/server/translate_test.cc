#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/error.h"
#include "server/rpc/translate_collections.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_documents.h"
#include "server/rpc/translate_index.h"
#include "server/rpc/translate_search.h"

namespace kith::rpc {
namespace {

using testing::ElementsAre;

const engine::Limits kLimits;

std::string ReasonIn(const absl::Status& status) { return DetailsOf(status).reason; }
std::string FieldIn(const absl::Status& status) { return DetailsOf(status).field; }

// A server without models.
class NoModels final : public engine::Encoders {
 public:
  std::string default_name() const override { return ""; }
  absl::StatusOr<engine::EncoderRef> Find(std::string_view) const override { return Absent(); }
  absl::StatusOr<engine::CrossEncoderRef> FindCrossEncoder(std::string_view) const override {
    return Absent();
  }
  void Encode(engine::EncoderRef, const std::vector<std::string>&, encoder::Role,
              engine::Truncation, std::shared_ptr<const Call>, engine::EncodeDone done) override {
    done(Absent());
  }
  void Rerank(engine::RerankRequest, std::shared_ptr<const Call>,
              engine::RerankDone done) override {
    done(Absent());
  }
  engine::QueryCache::Stats query_cache() const override { return {}; }

 private:
  static absl::Status Absent() {
    return Error(absl::StatusCode::kNotFound, reason::kModelNotFound, "there is none");
  }
};

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// --- vectors

TEST(TranslateVectorTest, EveryFormHoldsTheSameValues) {
  v1::Vector f32, f16, i8, plain;
  f32.set_f32_le(Bytes<float>({1, -2, 0.5}));
  f16.set_f16_le(Bytes<uint16_t>({0x3C00, 0xC000, 0x3800}));
  i8.set_i8(Bytes<int8_t>({1, -128, 127}));
  for (float value : {1.0f, -2.0f, 0.5f}) plain.add_values(value);
  EXPECT_THAT(*ReadVector(f32, kLimits), ElementsAre(1, -2, 0.5));
  EXPECT_THAT(*ReadVector(f16, kLimits), ElementsAre(1, -2, 0.5));
  EXPECT_THAT(*ReadVector(i8, kLimits), ElementsAre(1, -128, 127));
  EXPECT_THAT(*ReadVector(plain, kLimits), ElementsAre(1, -2, 0.5));
}

TEST(TranslateVectorTest, EveryHalfWidensExactly) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    v1::Vector in;
    in.set_f16_le(Bytes<uint16_t>({static_cast<uint16_t>(bits)}));
    const float got = ReadVector(in, kLimits)->front();
    // The definition: (-1)^s * 2^(e-15) * 1.f, subnormals without the leading 1.
    const int exponent = static_cast<int>(bits >> 10) & 0x1F;
    const int fraction = static_cast<int>(bits & 0x3FF);
    const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
    if (exponent == 31) {
      EXPECT_EQ(std::isnan(got), fraction != 0) << bits;
      EXPECT_EQ(std::isinf(got), fraction == 0) << bits;
      continue;
    }
    const float want = exponent == 0
                           ? sign * std::ldexp(static_cast<float>(fraction), -24)
                           : sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    ASSERT_EQ(got, want) << bits;
    ASSERT_EQ(std::signbit(got), std::signbit(want)) << bits;
  }
}

TEST(TranslateVectorTest, WhatIsNoVectorIsRefused) {
  struct Case {
    const char* name;
    std::function<void(v1::Vector*)> fill;
    std::string_view reason;
  };
  for (const Case& c : {
           Case{"nothing", [](v1::Vector*) {}, reason::kDimensionMismatch},
           Case{"empty bytes", [](v1::Vector* v) { v->set_f32_le(""); },
                reason::kDimensionMismatch},
           Case{"1535 bytes", [](v1::Vector* v) { v->set_f32_le(std::string(1535, 'x')); },
                reason::kInvalidRequest},
           Case{"odd halves", [](v1::Vector* v) { v->set_f16_le("abc"); }, reason::kInvalidRequest},
           Case{"two forms",
                [](v1::Vector* v) {
                  v->set_i8("ab");
                  v->add_values(1);
                },
                reason::kInvalidRequest},
           Case{"a dimension that lies",
                [](v1::Vector* v) {
                  v->set_i8("ab");
                  v->set_dimension(3);
                },
                reason::kDimensionMismatch},
           Case{"4097 values", [](v1::Vector* v) { v->set_i8(std::string(4097, 'x')); },
                reason::kDimensionMismatch},
       }) {
    v1::Vector in;
    c.fill(&in);
    const auto read = ReadVector(in, kLimits);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << c.name;
    EXPECT_EQ(ReasonIn(read.status()), c.reason) << c.name << ": " << read.status();
  }
  v1::Vector largest;
  largest.set_i8(std::string(4096, 'x'));
  EXPECT_TRUE(ReadVector(largest, kLimits).ok());
}

// --- times and metadata

TEST(TranslateMetadataTest, TimesAreKeptToTheMicrosecondAndBounded) {
  struct Case {
    int64_t seconds;
    int32_t nanos;
    bool ok;
  };
  for (const Case& c :
       {Case{0, 0, true}, Case{-1, 999'999'000, true}, Case{1, 1'000'000'000, false},
        Case{1, -1, false}, Case{-62'135'596'800, 0, true}, Case{-62'135'596'801, 0, false},
        Case{253'402'300'799, 999'999'000, true}, Case{253'402'300'800, 0, false},
        Case{std::numeric_limits<int64_t>::max(), 0, false},
        Case{std::numeric_limits<int64_t>::min(), 0, false}}) {
    google::protobuf::Timestamp in, out;
    in.set_seconds(c.seconds);
    in.set_nanos(c.nanos);
    const auto read = ReadTimestamp(in);
    ASSERT_EQ(read.ok(), c.ok) << c.seconds << "." << c.nanos;
    if (!c.ok) continue;
    WriteTimestamp(*read, &out);
    EXPECT_EQ(out.seconds(), c.seconds);
    EXPECT_EQ(out.nanos(), c.nanos);
  }
}

TEST(TranslateMetadataTest, EveryKindOfValueComesBack) {
  v1::DocumentInput in;
  auto& map = *in.mutable_metadata();
  map["keyword"].set_string_value("draft");
  map["list"].mutable_string_list()->add_values("a");
  map["list"].mutable_string_list()->add_values("b");
  map["empty list"].mutable_string_list();
  map["int"].set_int_value(std::numeric_limits<int64_t>::min());
  map["double"].set_double_value(0.1);
  map["bool"].set_bool_value(false);
  map["time"].mutable_timestamp_value()->set_seconds(17);
  const MetadataMap before = map;
  auto read = ReadMetadata(&map);
  ASSERT_TRUE(read.ok()) << read.status();
  MetadataMap after;
  WriteMetadata(*std::move(read), &after);
  ASSERT_EQ(after.size(), before.size());
  for (const auto& [key, value] : before) {
    EXPECT_EQ(after.at(key).SerializeAsString(), value.SerializeAsString()) << key;
  }
}

TEST(TranslateMetadataTest, ValuesWithoutMeaningAreRefusedByKey) {
  const double bad[] = {std::numeric_limits<double>::quiet_NaN(),
                        std::numeric_limits<double>::infinity()};
  for (double value : bad) {
    MetadataMap map;
    map["year"].set_double_value(value);
    const auto read = ReadMetadata(&map);
    EXPECT_EQ(ReasonIn(read.status()), reason::kInvalidMetadata);
    EXPECT_EQ(FieldIn(read.status()), "metadata[\"year\"]");
  }
  MetadataMap unset;
  unset["year"];
  EXPECT_EQ(ReasonIn(ReadMetadata(&unset).status()), reason::kInvalidMetadata);
}

// --- enums

TEST(TranslateEnumTest, UnknownValuesAreErrorsNotDefaults) {
  for (int unknown : {-1, 4, 99}) {
    EXPECT_FALSE(ReadMetric(unknown, "f").ok());
    EXPECT_FALSE(ReadDurability(unknown, "f").ok());
    EXPECT_FALSE(ReadTruncation(unknown, "f").ok());
    v1::SplitterOptions splitter;
    splitter.set_kind(static_cast<v1::SplitterKind>(unknown));
    EXPECT_FALSE(ReadSplitter(splitter).ok());
    v1::SearchRequest search;
    search.mutable_query()->set_text("x");
    search.set_group_by(static_cast<v1::GroupBy>(unknown));
    EXPECT_EQ(FieldIn(ReadSearch(&search, kLimits, NoModels()).status()), "group_by");
  }
}

TEST(TranslateEnumTest, UnspecifiedMeansTheDocumentedDefault) {
  EXPECT_EQ(*ReadMetric(0, "f"), engine::Metric::kCosine);
  EXPECT_EQ(*ReadDurability(0, "f"), std::nullopt);
  EXPECT_EQ(*ReadTruncation(0, "f"), engine::Truncation::kEnd);
  const auto splitter = ReadSplitter(v1::SplitterOptions());
  ASSERT_TRUE(splitter.ok());
  EXPECT_EQ(splitter->kind, engine::SplitterKind::kMarkdown);
  EXPECT_EQ(splitter->max_tokens, 256u);
  EXPECT_EQ(splitter->overlap_tokens, 32u);
}

TEST(TranslateSplitterTest, OverlapIsLessThanHalf) {
  struct Case {
    uint32_t max_tokens;
    int overlap;  // -1: absent
    bool ok;
    uint32_t want;
  };
  for (const Case& c : {Case{64, -1, true, 8}, Case{1000, -1, true, 32}, Case{64, 0, true, 0},
                        Case{64, 31, true, 31}, Case{64, 32, false, 0}, Case{1, 0, true, 0},
                        Case{1, -1, true, 0}, Case{0, 127, true, 127}, Case{0, 128, false, 0}}) {
    v1::SplitterOptions in;
    in.set_max_tokens(c.max_tokens);
    if (c.overlap >= 0) in.set_overlap_tokens(static_cast<uint32_t>(c.overlap));
    const auto out = ReadSplitter(in);
    ASSERT_EQ(out.ok(), c.ok) << c.max_tokens << " " << c.overlap;
    if (c.ok) {
      EXPECT_EQ(out->overlap_tokens, c.want);
    }
  }
}

// --- searches

TEST(TranslateSearchTest, RangesAreCheckedAtTheirEnds) {
  struct Case {
    int limit, offset, passages;
    bool ok;
  };
  for (const Case& c :
       {Case{1, 0, 0, true}, Case{0, 0, 0, false}, Case{-1, 0, 0, false}, Case{10'000, 0, 0, true},
        Case{10'001, 0, 0, false}, Case{9'999, 1, 0, true}, Case{10'000, 1, 0, false},
        Case{1, -1, 0, false}, Case{1, 2'147'483'647, 0, false},
        Case{2'147'483'647, 2'147'483'647, 0, false}, Case{1, 0, 100, true}, Case{1, 0, 101, false},
        Case{1, 0, -1, false}}) {
    v1::SearchRequest in;
    in.mutable_query()->set_text("x");
    in.set_limit(c.limit);
    in.set_offset(c.offset);
    in.set_passages_per_group(c.passages);
    const auto out = ReadSearch(&in, kLimits, NoModels());
    EXPECT_EQ(out.ok(), c.ok) << c.limit << " " << c.offset << " " << c.passages;
    if (!c.ok) {
      EXPECT_EQ(ReasonIn(out.status()), reason::kLimitOutOfRange);
    }
  }
}

TEST(TranslateSearchTest, AQueryIsNeeded) {
  v1::SearchRequest in;
  EXPECT_EQ(FieldIn(ReadSearch(&in, kLimits, NoModels()).status()), "query");
  in.mutable_query()->mutable_vector()->set_f32_le("abc");
  EXPECT_EQ(FieldIn(ReadSearch(&in, kLimits, NoModels()).status()), "query.vector.f32_le");
}

TEST(TranslateSearchTest, TheModelOfARerankingIsLookedForAndNamedWhenItIsMissing) {
  v1::SearchRequest in;
  in.mutable_query()->set_text("x");
  in.mutable_rerank()->set_model("absent");
  const absl::Status status = ReadSearch(&in, kLimits, NoModels()).status();
  EXPECT_EQ(ReasonIn(status), reason::kModelNotFound);
  EXPECT_EQ(FieldIn(status), "rerank.model");
}

TEST(TranslateSearchTest, AbsentPartsMeanTheDocumentedDefaults) {
  v1::SearchRequest in;
  in.mutable_query()->set_text("x");
  const auto out = ReadSearch(&in, kLimits, NoModels());
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->limit, 10);
  EXPECT_TRUE(out->select.text && out->select.metadata && !out->select.vectors);
  EXPECT_EQ(out->passages_per_group, 3);
  EXPECT_FALSE(out->exact || out->group_by.kind == engine::GroupBy::Kind::kDocument);
}

// --- documents

TEST(TranslateSearchTest, TuningIsOneOfThreeOrTheDefault) {
  v1::Tuning in;
  Tuning out = ReadTuning(in);
  EXPECT_FALSE(out.exact || out.target_recall || out.ef);
  in.set_exact(false);  // said, and the default all the same
  out = ReadTuning(in);
  EXPECT_FALSE(out.exact || out.target_recall || out.ef);
  in.set_exact(true);
  EXPECT_TRUE(ReadTuning(in).exact);
  in.set_target_recall(0.99);
  out = ReadTuning(in);
  EXPECT_FALSE(out.exact || out.ef);
  EXPECT_EQ(out.target_recall, 0.99);
  in.set_ef(-1);  // the engine's to refuse
  EXPECT_EQ(ReadTuning(in).ef, -1);
}

// --- index

TEST(TranslateIndexTest, OptionsComeBackAndZerosAreTheDefaults) {
  const v1::IndexOptions none;
  EXPECT_EQ(*ReadIndexOptions(none), engine::IndexSettings());
  v1::IndexOptions in;
  in.set_m(24);
  in.set_ef_construction(300);
  for (int kind = v1::QUANTIZATION_AUTO; kind <= v1::QUANTIZATION_F32; ++kind) {
    in.set_quantization(static_cast<v1::Quantization>(kind));
    v1::IndexOptions back;
    WriteIndexOptions(*ReadIndexOptions(in), &back);
    EXPECT_EQ(back.SerializeAsString(), in.SerializeAsString());
  }
  in.set_quantization(static_cast<v1::Quantization>(v1::QUANTIZATION_F32 + 1));
  EXPECT_EQ(FieldIn(ReadIndexOptions(in).status()), "index.quantization");
}

TEST(TranslateIndexTest, MeasuringIsCheckedAtItsEnds) {
  v1::MeasureRecallRequest in;
  EXPECT_EQ(ReadRecall(in, kLimits)->sample, 100u);
  EXPECT_EQ(ReadRecall(in, kLimits)->k, 10u);
  for (const auto& [count, ok] : {std::pair(-1, false), {1, true}, {1000, true}, {1001, false}}) {
    in.set_sample_count(count);
    EXPECT_EQ(ReadRecall(in, kLimits).ok(), ok) << count;
  }
  in.clear_sample_count();
  in.add_queries()->set_f32_le(Bytes<float>({1, 2}));
  in.add_queries()->set_f32_le(Bytes<float>({3, 4}));
  EXPECT_THAT(ReadRecall(in, kLimits)->queries, ElementsAre(1, 2, 3, 4));
  in.mutable_queries(1)->set_f32_le(Bytes<float>({3}));
  EXPECT_EQ(FieldIn(ReadRecall(in, kLimits).status()), "queries[1]");
  for (int i = in.queries_size(); i < 1001; ++i) {
    in.add_queries()->set_f32_le(Bytes<float>({1, 2}));
  }
  EXPECT_EQ(ReasonIn(ReadRecall(in, kLimits).status()), "BATCH_TOO_LARGE");
  in.clear_queries();
  in.mutable_tuning()->set_exact(true);
  EXPECT_EQ(FieldIn(ReadRecall(in, kLimits).status()), "tuning.exact");
}

TEST(TranslateIndexTest, AStatusSaysWhatIsNotKnownByLeavingItOut) {
  engine::IndexStatus status;
  status.segments.resize(1);
  v1::GetIndexStatusResponse out;
  WriteIndexStatus("c", status, &out);
  EXPECT_EQ(out.phase(), v1::INDEX_PHASE_IDLE);
  EXPECT_FALSE(out.has_time_left());
  EXPECT_FALSE(out.has_sampled_recall());
  EXPECT_FALSE(out.segments(0).has_build_time());

  status.seconds_left = 1.5;
  status.sampled_recall = 0;
  status.segments[0].build_seconds = std::numeric_limits<double>::infinity();
  status.segments[0].quantization = "int4";
  out.Clear();
  WriteIndexStatus("c", status, &out);
  EXPECT_EQ(out.time_left().seconds(), 1);
  EXPECT_EQ(out.time_left().nanos(), 500'000'000);
  EXPECT_TRUE(out.has_sampled_recall());
  EXPECT_EQ(out.segments(0).build_time().seconds(), 1'000'000'000);
  EXPECT_EQ(out.segments(0).quantization(), v1::QUANTIZATION_INT4);
}

TEST(TranslateDocumentsTest, CountsAreCheckedAtTheirEnds) {
  engine::Limits limits;
  limits.batch_documents = 3;
  for (int count : {0, 1, 3, 4}) {
    v1::UpsertDocumentsRequest in;
    for (int i = 0; i < count; ++i) in.add_documents()->set_text("x");
    const auto out = ReadUpsert(&in, limits);
    EXPECT_EQ(out.ok(), count == 1 || count == 3) << count;
    if (count == 0) {
      EXPECT_EQ(ReasonIn(out.status()), reason::kEmptyBatch);
    }
    if (count == 4) {
      EXPECT_EQ(ReasonIn(out.status()), reason::kBatchTooLarge);
    }
  }
}

TEST(TranslateDocumentsTest, ErrorsNameTheDocument) {
  v1::UpsertDocumentsRequest in;
  in.add_documents()->set_text("fine");
  in.add_documents()->mutable_vector()->set_f32_le("abc");
  EXPECT_EQ(FieldIn(ReadUpsert(&in, kLimits).status()), "documents[1].vector.f32_le");
}

TEST(TranslateDocumentsTest, AFingerprintWithoutAVectorIsRefused) {
  v1::UpsertDocumentsRequest in;
  in.add_documents()->set_vector_fingerprint("abc");
  EXPECT_EQ(FieldIn(ReadUpsert(&in, kLimits).status()), "documents[0].vector_fingerprint");
}

TEST(TranslateTokenTest, ATokenThatNoWriteReturnedIsRefused) {
  v1::CommitToken token;
  EXPECT_EQ(*ReadAtLeast(false, token), std::nullopt);
  EXPECT_EQ(ReasonIn(ReadAtLeast(true, token).status()), reason::kInvalidCommitToken);
  token.set_shard("s");
  EXPECT_FALSE(ReadAtLeast(true, token).ok());
  token.set_sequence(1);
  const auto read = ReadAtLeast(true, token);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ((*read)->sequence, 1u);
}

// --- collections

TEST(TranslateCollectionsTest, AVectorSpaceIsAtMostOneAndDefault) {
  v1::CreateCollectionRequest in;
  in.mutable_collection()->set_name("a");
  const auto without = ReadCollection(in);
  ASSERT_TRUE(without.ok());
  EXPECT_EQ(without->encoder, std::nullopt);
  in.mutable_collection()->add_vector_spaces()->set_dimension(4);
  const auto one = ReadCollection(in);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one->dimension, 4u);
  in.mutable_collection()->mutable_vector_spaces(0)->set_name("other");
  EXPECT_EQ(FieldIn(ReadCollection(in).status()), "collection.vector_spaces[0].name");
  in.mutable_collection()->mutable_vector_spaces(0)->set_name("default");
  in.mutable_collection()->add_vector_spaces();
  EXPECT_EQ(FieldIn(ReadCollection(in).status()), "collection.vector_spaces");
}

TEST(TranslateCollectionsTest, AMaskSaysWhatChanges) {
  v1::UpdateCollectionRequest in;
  in.mutable_collection()->set_name("a");
  EXPECT_FALSE(ReadUpdate(in).ok()) << "nothing to change";
  in.mutable_collection()->set_description("new");
  auto out = ReadUpdate(in);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->description, "new");
  EXPECT_FALSE(out->splitter.has_value() || out->default_durability.has_value());

  in.mutable_update_mask()->add_paths("options");
  out = ReadUpdate(in);
  ASSERT_TRUE(out.ok());
  EXPECT_FALSE(out->description.has_value()) << "the mask does not name it";
  EXPECT_TRUE(out->splitter.has_value() && out->default_durability.has_value());

  in.mutable_update_mask()->add_paths("vector_spaces.*.index");
  EXPECT_EQ(FieldIn(ReadUpdate(in).status()), "collection.vector_spaces");
  in.mutable_collection()->add_vector_spaces()->mutable_index()->set_m(32);
  EXPECT_EQ(ReadUpdate(in)->index->m, 32u);
  in.mutable_update_mask()->add_paths("name");
  EXPECT_EQ(FieldIn(ReadUpdate(in).status()), "update_mask");
}

}  // namespace
}  // namespace kith::rpc
