#include "server/rpc/translate_common.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::rpc {
namespace {

absl::Status UnknownEnum(std::string_view type, int value, std::string_view field) {
  return InvalidArgument(reason::kInvalidRequest, "{}: {} is no value of {} that this server knows",
                         field, value, type)
      .Field(std::string(field));
}

// 256 tokens hold two or three paragraphs; an eighth of overlap keeps a sentence whole on both
// sides.
constexpr uint32_t kDefaultMaxTokens = 256, kDefaultOverlap = 32, kOverlapShare = 8;

// More than any work can last.
constexpr double kSecondsMax = 1e9;

}  // namespace

void WriteSeconds(double seconds, google::protobuf::Duration* out) {
  const double kept = std::clamp(seconds, 0.0, kSecondsMax);
  const double whole = std::floor(kept);
  out->set_seconds(static_cast<int64_t>(whole));
  out->set_nanos(static_cast<int32_t>((kept - whole) * 1e9));
}

absl::StatusOr<engine::Metric> ReadMetric(int value, std::string_view field) {
  switch (value) {
    case v1::METRIC_UNSPECIFIED:
    case v1::METRIC_COSINE:
      return engine::Metric::kCosine;
    case v1::METRIC_DOT:
      return engine::Metric::kDot;
    case v1::METRIC_L2:
      return engine::Metric::kL2;
  }
  return UnknownEnum("Metric", value, field);
}

v1::Metric WriteMetric(engine::Metric metric) {
  switch (metric) {
    case engine::Metric::kCosine:
      return v1::METRIC_COSINE;
    case engine::Metric::kDot:
      return v1::METRIC_DOT;
    case engine::Metric::kL2:
      return v1::METRIC_L2;
  }
  return v1::METRIC_UNSPECIFIED;
}

absl::StatusOr<std::optional<engine::Durability>> ReadDurability(int value,
                                                                 std::string_view field) {
  switch (value) {
    case v1::DURABILITY_UNSPECIFIED:
      return std::optional<engine::Durability>();
    case v1::DURABILITY_SYNCED:
      return std::optional(engine::Durability::kSynced);
    case v1::DURABILITY_APPLIED:
      return std::optional(engine::Durability::kApplied);
  }
  return UnknownEnum("Durability", value, field);
}

v1::Durability WriteDurability(engine::Durability durability) {
  return durability == engine::Durability::kApplied ? v1::DURABILITY_APPLIED
                                                    : v1::DURABILITY_SYNCED;
}

absl::StatusOr<engine::Truncation> ReadTruncation(int value, std::string_view field) {
  switch (value) {
    case v1::TRUNCATION_UNSPECIFIED:
    case v1::TRUNCATION_END:
      return engine::Truncation::kEnd;
    case v1::TRUNCATION_NEVER:
      return engine::Truncation::kNever;
  }
  return UnknownEnum("Truncation", value, field);
}

absl::StatusOr<engine::SplitterOptions> ReadSplitter(const v1::SplitterOptions& in) {
  engine::SplitterOptions out;
  switch (static_cast<int>(in.kind())) {
    case v1::SPLITTER_KIND_UNSPECIFIED:
    case v1::SPLITTER_KIND_MARKDOWN:
      out.kind = engine::SplitterKind::kMarkdown;
      break;
    case v1::SPLITTER_KIND_SENTENCES:
      out.kind = engine::SplitterKind::kSentences;
      break;
    case v1::SPLITTER_KIND_NONE:
      out.kind = engine::SplitterKind::kNone;
      break;
    default:
      return UnknownEnum("SplitterKind", in.kind(), "kind");
  }
  out.max_tokens = in.max_tokens() == 0 ? kDefaultMaxTokens : in.max_tokens();
  out.overlap_tokens = in.has_overlap_tokens()
                           ? in.overlap_tokens()
                           : std::min(kDefaultOverlap, out.max_tokens / kOverlapShare);
  if (out.overlap_tokens != 0 && uint64_t{out.overlap_tokens} * 2 >= out.max_tokens) {
    return InvalidArgument(reason::kLimitOutOfRange,
                           "overlap_tokens {} must be less than half of max_tokens {}",
                           out.overlap_tokens, out.max_tokens)
        .Field("overlap_tokens");
  }
  return out;
}

void WriteSplitter(const engine::SplitterOptions& options, v1::SplitterOptions* out) {
  switch (options.kind) {
    case engine::SplitterKind::kNone:
      out->set_kind(v1::SPLITTER_KIND_NONE);
      break;
    case engine::SplitterKind::kSentences:
      out->set_kind(v1::SPLITTER_KIND_SENTENCES);
      break;
    case engine::SplitterKind::kMarkdown:
      out->set_kind(v1::SPLITTER_KIND_MARKDOWN);
      break;
  }
  out->set_max_tokens(options.max_tokens);
  out->set_overlap_tokens(options.overlap_tokens);
}

absl::StatusOr<std::optional<engine::CommitToken>> ReadAtLeast(bool present,
                                                               const v1::CommitToken& in) {
  if (!present) return std::optional<engine::CommitToken>();
  if (in.shard().empty() || in.sequence() == 0) {
    return InvalidArgument(
               reason::kInvalidCommitToken,
               "at_least is no token of a write: it needs a shard and a sequence from 1 "
               "(got {} and {})",
               Quoted(in.shard()), in.sequence())
        .Field("at_least");
  }
  return std::optional(engine::CommitToken{in.shard(), in.epoch(), in.sequence()});
}

void WriteToken(const engine::CommitToken& token, v1::CommitToken* out) {
  out->set_shard(token.shard);
  out->set_epoch(token.epoch);
  out->set_sequence(token.sequence);
}

void WritePassage(const engine::Passage& passage, v1::Passage* out) {
  out->set_index(passage.index);
  out->set_begin_byte(passage.begin);
  out->set_end_byte(passage.end);
  out->set_heading_path(passage.heading_path);
  out->set_token_count(passage.token_count);
}

absl::Status CheckCount(size_t count, size_t most, std::string_view field) {
  if (count == 0) {
    return InvalidArgument(reason::kEmptyBatch, "{}: at least 1", field).Field(std::string(field));
  }
  if (count > most) {
    return InvalidArgument(reason::kBatchTooLarge, "{}: got {}; split them: at most {} at a time",
                           field, count, most)
        .Field(std::string(field))
        .With("actual", count)
        .With("limit", most);
  }
  return absl::OkStatus();
}

}  // namespace kith::rpc
