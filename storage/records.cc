#include "storage/records.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "storage/types.h"

namespace kith::storage {
namespace {

constexpr uint32_t kSpaceMax = std::numeric_limits<SpaceNumber>::max();

// An enum value that this version knows, other than UNSPECIFIED.
bool IsKnown(int value, bool valid) { return valid && value != 0; }

std::string ProblemOf(const store::VectorSpaceRecord& space) {
  if (space.number() > kSpaceMax) return fmt::format("space number {}", space.number());
  if (space.name().empty()) return "a space without a name";
  if (space.dimension() < 1 || space.dimension() > kDimensionMax) {
    return fmt::format("dimension {} of space {}", space.dimension(), space.number());
  }
  if (!IsKnown(space.metric(), store::Metric_IsValid(space.metric()))) {
    return fmt::format("metric {} of space {}", static_cast<int>(space.metric()), space.number());
  }
  if (space.has_encoder() && !IsArtifactHash(space.encoder().artifact_hash())) {
    return fmt::format("artifact hash {}", Quoted(space.encoder().artifact_hash()));
  }
  if (space.has_index() && !IsKnown(space.index().quantization(),
                                    store::Quantization_IsValid(space.index().quantization()))) {
    return fmt::format("quantization {}", static_cast<int>(space.index().quantization()));
  }
  if (space.has_splitter() &&
      !IsKnown(space.splitter().kind(), store::SplitterKind_IsValid(space.splitter().kind()))) {
    return fmt::format("splitter kind {}", static_cast<int>(space.splitter().kind()));
  }
  return "";
}

// A segment of format version 2 has neither of the two files; from 3 on each has both.
std::string ProblemOfCompanions(const store::SegmentRecord& segment) {
  if (!segment.has_metadata() && !segment.has_terms() && segment.metadata_generation() == 0) {
    return "";
  }
  if (segment.metadata().size_bytes() == 0 || segment.terms().size_bytes() == 0) {
    return fmt::format("an empty file beside segment {}", segment.id());
  }
  if (segment.metadata_generation() == 0 ||
      segment.metadata_at_sequence() < segment.built_at_sequence()) {
    return fmt::format("metadata of generation {} at sequence {} for segment {} of sequence {}",
                       segment.metadata_generation(), segment.metadata_at_sequence(), segment.id(),
                       segment.built_at_sequence());
  }
  return "";
}

}  // namespace

bool IsArtifactHash(std::string_view hash) {
  return hash.size() >= 8 && hash.size() <= 128 &&
         std::all_of(hash.begin(), hash.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

absl::Status DamagedRow(Family family, std::string_view key, std::string_view problem) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption, "{} is damaged: {}",
               DescribeKey(family, key), problem)
      .With("family", FamilyName(family));
}

std::string ProblemOf(const store::DocumentRecord& record) {
  if (record.sequence() == 0) return "sequence is 0";
  if ((record.text_id() == 0) != (record.text_size_bytes() == 0)) {
    return fmt::format("text {} of {} bytes", record.text_id(), record.text_size_bytes());
  }
  for (int i = 0; i < record.passages_size(); ++i) {
    const store::PassageRange& range = record.passages(i);
    if (range.space() > kSpaceMax || (i > 0 && range.space() <= record.passages(i - 1).space())) {
      return fmt::format("space {} at place {}", range.space(), i);
    }
    if (range.passage_count() == 0 ||
        range.first_ordinal() > std::numeric_limits<Ordinal>::max() - range.passage_count()) {
      return fmt::format("{} passages from ordinal {}", range.passage_count(),
                         range.first_ordinal());
    }
  }
  for (int i = 0; i < record.metadata_size(); ++i) {
    const store::MetadataEntry& entry = record.metadata(i);
    if (i > 0 && entry.key() <= record.metadata(i - 1).key()) {
      return fmt::format("metadata key {} is not in order", Quoted(entry.key()));
    }
    if (entry.value().value_case() == store::MetadataValue::VALUE_NOT_SET) {
      return fmt::format("metadata key {} has no value", Quoted(entry.key()));
    }
  }
  return "";
}

std::string ProblemOf(const store::PassageRecord& record) {
  if (record.document_id().empty() || record.document_id().size() > kDocumentIdBytesMax) {
    return fmt::format("a document id of {} bytes", record.document_id().size());
  }
  if (record.begin() > record.end()) {
    return fmt::format("span [{}, {})", record.begin(), record.end());
  }
  return "";
}

std::string ProblemOf(const store::TombstoneRecord& record) {
  return record.count() == 0 ? "count is 0" : "";
}

std::string ProblemOf(const store::UpdateRecord& record) {
  if (record.document_id().empty() || record.document_id().size() > kDocumentIdBytesMax) {
    return fmt::format("a document id of {} bytes", record.document_id().size());
  }
  return record.count() == 0 || record.sequence() == 0
             ? fmt::format("count {}, sequence {}", record.count(), record.sequence())
             : "";
}

std::string ProblemOf(const store::RequestRecord& record) {
  return record.time_us() < 0 ? fmt::format("time {}", record.time_us()) : "";
}

std::string ProblemOf(const store::ServerRecord& record) {
  if (record.folder_uuid().size() != sizeof(Uuid)) {
    return fmt::format("a uuid of {} bytes", record.folder_uuid().size());
  }
  if (record.next_collection_number() == 0 || record.next_shard_number() == 0) {
    return fmt::format("next collection {}, next shard {}", record.next_collection_number(),
                       record.next_shard_number());
  }
  return "";
}

std::string ProblemOf(const store::CollectionRecord& record) {
  if (record.name().empty()) return "no name";
  if (!IsKnown(record.state(), store::CollectionState_IsValid(record.state()))) {
    return fmt::format("state {}", static_cast<int>(record.state()));
  }
  if (record.spaces_size() == 0) return "no vector space";
  for (int i = 0; i < record.spaces_size(); ++i) {
    if (std::string problem = ProblemOf(record.spaces(i)); !problem.empty()) return problem;
    for (int j = 0; j < i; ++j) {
      if (record.spaces(j).number() == record.spaces(i).number()) {
        return fmt::format("space number {} twice", record.spaces(i).number());
      }
    }
  }
  if (record.has_reembedding() != (record.spaces_size() == 2)) {
    return fmt::format("{} spaces, {} re-embedding", record.spaces_size(),
                       record.has_reembedding() ? "one" : "no");
  }
  if (record.has_reembedding() &&
      !IsKnown(record.reembedding().state(),
               store::ReembeddingState_IsValid(record.reembedding().state()))) {
    return fmt::format("re-embedding state {}", static_cast<int>(record.reembedding().state()));
  }
  if (record.shards_size() == 0) return "no shard";
  for (const store::ShardRef& shard : record.shards()) {
    if (shard.uuid().size() != sizeof(Uuid)) {
      return fmt::format("a uuid of {} bytes for shard {}", shard.uuid().size(), shard.number());
    }
  }
  return "";
}

std::string ProblemOf(const store::FieldRegistry& record) {
  for (int i = 0; i < record.fields_size(); ++i) {
    const store::FieldRecord& field = record.fields(i);
    if (i > 0 && field.name() <= record.fields(i - 1).name()) {
      return fmt::format("field {} is not in order", Quoted(field.name()));
    }
    if (!IsKnown(field.type(), store::FieldType_IsValid(field.type()))) {
      return fmt::format("type {} of field {}", static_cast<int>(field.type()),
                         Quoted(field.name()));
    }
  }
  return "";
}

std::string ProblemOf(const store::ShardState& record) {
  for (int i = 0; i < record.spaces_size(); ++i) {
    const uint32_t space = record.spaces(i).space();
    if (space > kSpaceMax || (i > 0 && space <= record.spaces(i - 1).space())) {
      return fmt::format("space {} at place {}", space, i);
    }
  }
  return "";
}

std::string ProblemOf(const store::ManifestRecord& record) {
  uint64_t end = 0;
  std::vector<uint64_t> ids;
  for (const store::SegmentRecord& segment : record.segments()) {
    if (segment.begin_ordinal() < end || segment.end_ordinal() <= segment.begin_ordinal() ||
        segment.end_ordinal() - segment.begin_ordinal() > kSegmentSpanMax) {
      return fmt::format("segment {} of ordinals [{}, {}) after {}", segment.id(),
                         segment.begin_ordinal(), segment.end_ordinal(), end);
    }
    end = segment.end_ordinal();
    if (segment.rows() == 0 || segment.rows() > end - segment.begin_ordinal()) {
      return fmt::format("{} rows in segment {}", segment.rows(), segment.id());
    }
    if (segment.graph().size_bytes() == 0 || segment.rows_file().size_bytes() == 0) {
      return fmt::format("an empty file of segment {}", segment.id());
    }
    if (std::string problem = ProblemOfCompanions(segment); !problem.empty()) return problem;
    if (segment.id() == 0 || segment.id() >= record.next_segment_id()) {
      return fmt::format("segment {}, the next is {}", segment.id(), record.next_segment_id());
    }
    ids.push_back(segment.id());
  }
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) return "a segment's id twice";
  return record.next_segment_id() == 0 ? "next segment 0" : "";
}

std::string ProblemOf(const store::ModelRecord& record) {
  if (record.files_size() == 0) return "no files";
  for (int i = 1; i < record.files_size(); ++i) {
    if (record.files(i).name() <= record.files(i - 1).name()) {
      return fmt::format("file {} is not in order", Quoted(record.files(i).name()));
    }
  }
  return "";
}

std::string ProblemOf(const store::OperationRecord& record) {
  if (record.kind().empty()) return "no kind";
  if (!IsKnown(record.state(), store::OperationState_IsValid(record.state()))) {
    return fmt::format("state {}", static_cast<int>(record.state()));
  }
  return "";
}

}  // namespace kith::storage
