#include "server/rpc/translate_index.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "google/protobuf/duration.pb.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/translate_search.h"

namespace kith::rpc {
namespace {

v1::Quantization WriteQuantization(engine::Quantization quantization) {
  switch (quantization) {
    case engine::Quantization::kAuto:
      return v1::QUANTIZATION_AUTO;
    case engine::Quantization::kInt4:
      return v1::QUANTIZATION_INT4;
    case engine::Quantization::kInt8:
      return v1::QUANTIZATION_INT8;
    case engine::Quantization::kF16:
      return v1::QUANTIZATION_F16;
    case engine::Quantization::kF32:
      return v1::QUANTIZATION_F32;
  }
  return v1::QUANTIZATION_UNSPECIFIED;
}

// As the index names its codes.
v1::Quantization QuantizationOf(std::string_view word) {
  if (word == "int4") return v1::QUANTIZATION_INT4;
  if (word == "int8") return v1::QUANTIZATION_INT8;
  if (word == "f16") return v1::QUANTIZATION_F16;
  if (word == "f32") return v1::QUANTIZATION_F32;
  return v1::QUANTIZATION_UNSPECIFIED;
}

v1::IndexPhase WritePhase(engine::IndexPhase phase) {
  switch (phase) {
    case engine::IndexPhase::kIdle:
      return v1::INDEX_PHASE_IDLE;
    case engine::IndexPhase::kWaiting:
      return v1::INDEX_PHASE_WAITING;
    case engine::IndexPhase::kSealing:
      return v1::INDEX_PHASE_SEALING;
    case engine::IndexPhase::kMerging:
      return v1::INDEX_PHASE_MERGING;
  }
  return v1::INDEX_PHASE_UNSPECIFIED;
}

v1::SegmentState WriteState(engine::SegmentState state) {
  switch (state) {
    case engine::SegmentState::kGrowing:
      return v1::SEGMENT_STATE_GROWING;
    case engine::SegmentState::kSealed:
      return v1::SEGMENT_STATE_SEALED;
    case engine::SegmentState::kDamaged:
      return v1::SEGMENT_STATE_DAMAGED;
  }
  return v1::SEGMENT_STATE_UNSPECIFIED;
}

void WriteSegment(const engine::SegmentStatus& segment, v1::IndexSegment* out) {
  out->set_id(segment.id);
  out->set_state(WriteState(segment.state));
  out->set_first_ordinal(segment.first_ordinal);
  out->set_end_ordinal(segment.end_ordinal);
  out->set_row_count(segment.rows);
  out->set_deleted_row_count(segment.deleted_rows);
  out->set_memory_bytes(segment.memory_bytes);
  out->set_disk_bytes(segment.disk_bytes);
  out->set_quantization(QuantizationOf(segment.quantization));
  if (segment.build_seconds > 0) WriteSeconds(segment.build_seconds, out->mutable_build_time());
}

absl::Status CheckNumber(std::string_view field, int64_t given, uint64_t most) {
  if (given >= 0 && static_cast<uint64_t>(given) <= most) return absl::OkStatus();
  return InvalidArgument(reason::kLimitOutOfRange, "{} is {}: it must be 0 to {}", field, given,
                         most)
      .Field(std::string(field))
      .With("limit", most);
}

}  // namespace

absl::StatusOr<engine::IndexSettings> ReadIndexOptions(const v1::IndexOptions& in) {
  engine::IndexSettings out;
  switch (static_cast<int>(in.quantization())) {
    case v1::QUANTIZATION_UNSPECIFIED:
    case v1::QUANTIZATION_AUTO:
      out.quantization = engine::Quantization::kAuto;
      break;
    case v1::QUANTIZATION_INT4:
      out.quantization = engine::Quantization::kInt4;
      break;
    case v1::QUANTIZATION_INT8:
      out.quantization = engine::Quantization::kInt8;
      break;
    case v1::QUANTIZATION_F16:
      out.quantization = engine::Quantization::kF16;
      break;
    case v1::QUANTIZATION_F32:
      out.quantization = engine::Quantization::kF32;
      break;
    default:
      return InvalidArgument(reason::kInvalidRequest,
                             "quantization: {} is no value of Quantization that this server knows",
                             static_cast<int>(in.quantization()))
          .Field("index.quantization");
  }
  if (in.m() != 0) out.m = in.m();
  if (in.ef_construction() != 0) out.ef_construction = in.ef_construction();
  return out;
}

void WriteIndexOptions(const engine::IndexSettings& settings, v1::IndexOptions* out) {
  out->set_quantization(WriteQuantization(settings.quantization));
  out->set_m(settings.m);
  out->set_ef_construction(settings.ef_construction);
}

void WriteIndexStatus(const std::string& collection, const engine::IndexStatus& status,
                      v1::GetIndexStatusResponse* out) {
  out->set_collection(collection);
  out->set_phase(WritePhase(status.phase));
  out->set_done(status.done);
  out->set_total(status.total);
  out->set_rows_per_second(status.rows_per_second);
  if (status.seconds_left) WriteSeconds(*status.seconds_left, out->mutable_time_left());
  out->set_debt_row_count(status.debt_rows);
  out->set_debt_paced_row_count(status.debt_paced_rows);
  out->set_debt_refused_row_count(status.debt_refused_rows);
  out->set_indexed_row_count(status.indexed_rows);
  out->set_live_row_count(status.live_rows);
  out->set_seal_count(status.seals);
  out->set_merge_count(status.merges);
  out->set_rebuild_count(status.rebuilds);
  out->set_failed_build_count(status.failures);
  out->set_last_error(status.last_error);
  if (status.sampled_recall) out->set_sampled_recall(*status.sampled_recall);
  out->set_ef_boost(status.ef_boost);
  for (const engine::SegmentStatus& segment : status.segments) {
    WriteSegment(segment, out->add_segments());
  }
}

absl::StatusOr<engine::RecallRequest> ReadRecall(const v1::MeasureRecallRequest& in,
                                                 const engine::Limits& limits) {
  engine::RecallRequest out;
  const auto count = static_cast<size_t>(in.queries_size());
  if (count > limits.recall_queries) {
    return InvalidArgument(reason::kBatchTooLarge, "queries: {} given, at most {} can be", count,
                           limits.recall_queries)
        .Field("queries")
        .With("limit", limits.recall_queries);
  }
  size_t dimension = 0;
  for (size_t i = 0; i < count; ++i) {
    absl::StatusOr<std::vector<float>> values = ReadVector(in.queries(static_cast<int>(i)), limits);
    const auto here = [&] { return fmt::format("queries[{}]", i); };
    if (!values.ok()) return InField(std::move(values).status(), here());
    if (i == 0) dimension = values->size();
    if (values->size() != dimension) {
      return InvalidArgument(reason::kDimensionMismatch,
                             "the vector has {} values, and the first one has {}", values->size(),
                             dimension)
          .Field(here());
    }
    out.queries.insert(out.queries.end(), values->begin(), values->end());
  }
  KITH_RETURN_IF_ERROR(CheckNumber("sample_count", in.sample_count(), limits.recall_queries));
  if (in.sample_count() != 0) out.sample = static_cast<uint32_t>(in.sample_count());
  constexpr uint64_t kLimitMax = 1000;
  KITH_RETURN_IF_ERROR(CheckNumber("limit", in.limit(), kLimitMax));
  if (in.limit() != 0) out.k = static_cast<uint32_t>(in.limit());
  const Tuning tuning = ReadTuning(in.tuning());
  if (tuning.exact) {
    return InvalidArgument(reason::kInvalidRequest,
                           "tuning.exact: exact searches are what the others are compared with")
        .Field("tuning.exact");
  }
  out.target_recall = tuning.target_recall;
  out.ef = tuning.ef;
  return out;
}

void WriteRecall(const engine::RecallAnswer& answer, v1::MeasureRecallResponse* out) {
  out->set_query_count(answer.queries);
  out->set_limit(answer.k);
  out->set_recall(answer.recall);
  out->set_worst_recall(answer.worst_recall);
  out->set_p50_microseconds(answer.p50_microseconds);
  out->set_p99_microseconds(answer.p99_microseconds);
  out->set_exact_p50_microseconds(answer.exact_p50_microseconds);
  for (const engine::RecallPoint& point : answer.curve) {
    v1::RecallPoint* to = out->add_curve();
    to->set_ef(point.ef);
    to->set_recall(point.recall);
    to->set_code_distance_count(point.distances);
    to->set_microseconds(point.microseconds);
  }
  out->set_advice(answer.advice);
}

absl::StatusOr<engine::EstimateRequest> ReadEstimate(const v1::EstimateCollectionRequest& in) {
  engine::EstimateRequest out;
  out.passages = in.passage_count();
  out.dimension = in.vector_space().dimension();
  absl::StatusOr<engine::IndexSettings> index = ReadIndexOptions(in.vector_space().index());
  if (!index.ok()) return InField(std::move(index).status(), "vector_space");
  out.index = *index;
  out.mean_text_bytes = in.mean_text_bytes();
  return out;
}

absl::Status AtEstimate(absl::Status status) {
  const std::string field = DetailsOf(status).field;
  const bool of_space = field == "dimension" || field.starts_with("index");
  return of_space ? InField(std::move(status), "vector_space") : status;
}

void WriteEstimate(const engine::Estimate& estimate, v1::EstimateCollectionResponse* out) {
  out->set_resident_bytes(estimate.resident_bytes);
  out->set_cached_bytes(estimate.cached_bytes);
  out->set_build_bytes(estimate.build_bytes);
  out->set_disk_bytes(estimate.disk_bytes);
  out->set_memory_budget_bytes(estimate.budget_bytes);
  out->set_memory_used_bytes(estimate.used_bytes);
  out->set_fits(estimate.fits);
}

}  // namespace kith::rpc
