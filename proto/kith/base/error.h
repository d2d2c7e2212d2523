// Making an absl::Status that a client can act on: a canonical code, a reason from the table below,
// a message with the numbers in it, and details that travel as payloads until the RPC layer turns
// them into google.rpc.ErrorInfo, BadRequest and RetryInfo.
//
//   return Error(absl::StatusCode::kInvalidArgument, reason::kDimensionMismatch,
//                "vector: got {} values, collection \"{}\" has dimension {}", n, name, dim)
//       .Field("documents[3].vector").With("dimension", dim);
//
// The code says what the caller should do next: fix the request (kInvalidArgument), fix the state
// (kFailedPrecondition), retry this call (kUnavailable), retry the larger step (kAborted), slow
// down (kResourceExhausted), restore a backup (kDataLoss).

#ifndef KITH_BASE_ERROR_H_
#define KITH_BASE_ERROR_H_

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/time/time.h"
#include "fmt/format.h"

namespace kith {

// The reasons clients may branch on. A published reason keeps its name and meaning for ever.
namespace reason {
// The request is wrong.
inline constexpr std::string_view kInvalidRequest = "INVALID_REQUEST";  // no narrower reason fits
inline constexpr std::string_view kInvalidName = "INVALID_NAME";
inline constexpr std::string_view kInvalidId = "INVALID_ID";
inline constexpr std::string_view kInvalidUtf8 = "INVALID_UTF8";
inline constexpr std::string_view kInvalidMetadata = "INVALID_METADATA";
inline constexpr std::string_view kFieldTypeConflict = "FIELD_TYPE_CONFLICT";
inline constexpr std::string_view kDimensionMismatch = "DIMENSION_MISMATCH";
inline constexpr std::string_view kVectorNotFinite = "VECTOR_NOT_FINITE";
inline constexpr std::string_view kVectorNorm = "VECTOR_NORM";
inline constexpr std::string_view kZeroVector = "ZERO_VECTOR";
inline constexpr std::string_view kEmptyText = "EMPTY_TEXT";
inline constexpr std::string_view kTextTooLong = "TEXT_TOO_LONG";
inline constexpr std::string_view kTooManyTokens = "TOO_MANY_TOKENS";
inline constexpr std::string_view kEmptyBatch = "EMPTY_BATCH";
inline constexpr std::string_view kBatchTooLarge = "BATCH_TOO_LARGE";
inline constexpr std::string_view kDuplicateId = "DUPLICATE_ID";
inline constexpr std::string_view kLimitOutOfRange = "LIMIT_OUT_OF_RANGE";
inline constexpr std::string_view kInvalidPageToken = "INVALID_PAGE_TOKEN";
inline constexpr std::string_view kInvalidCommitToken = "INVALID_COMMIT_TOKEN";
inline constexpr std::string_view kRequestIdReused = "REQUEST_ID_REUSED";
inline constexpr std::string_view kFilterSyntax = "FILTER_SYNTAX";
inline constexpr std::string_view kFilterType = "FILTER_TYPE";
inline constexpr std::string_view kFilterTooLarge = "FILTER_TOO_LARGE";
inline constexpr std::string_view kFieldNotIndexed = "FIELD_NOT_INDEXED";
inline constexpr std::string_view kModelKind = "MODEL_KIND";
// The state does not allow it.
inline constexpr std::string_view kEncoderMismatch = "ENCODER_MISMATCH";
inline constexpr std::string_view kEncoderUnavailable = "ENCODER_UNAVAILABLE";
inline constexpr std::string_view kNoEncoder = "NO_ENCODER";
inline constexpr std::string_view kInvalidModel = "INVALID_MODEL";
inline constexpr std::string_view kModelInUse = "MODEL_IN_USE";
inline constexpr std::string_view kNoCrossEncoder = "NO_CROSS_ENCODER";
inline constexpr std::string_view kNoText = "NO_TEXT";
inline constexpr std::string_view kEtagMismatch = "ETAG_MISMATCH";
inline constexpr std::string_view kReadOnly = "READ_ONLY";
inline constexpr std::string_view kDataFolderInUse = "DATA_FOLDER_IN_USE";
inline constexpr std::string_view kFormatVersion = "FORMAT_VERSION";
inline constexpr std::string_view kReembedding = "REEMBEDDING";  // it is, or it is not
inline constexpr std::string_view kNotCancellable = "NOT_CANCELLABLE";
// It is not there, or it is already.
inline constexpr std::string_view kCollectionNotFound = "COLLECTION_NOT_FOUND";
inline constexpr std::string_view kCollectionExists = "COLLECTION_EXISTS";
inline constexpr std::string_view kDocumentNotFound = "DOCUMENT_NOT_FOUND";
inline constexpr std::string_view kDocumentExists = "DOCUMENT_EXISTS";
inline constexpr std::string_view kEncoderNotFound = "ENCODER_NOT_FOUND";
inline constexpr std::string_view kModelNotFound = "MODEL_NOT_FOUND";
inline constexpr std::string_view kModelLoaded = "MODEL_LOADED";
inline constexpr std::string_view kOperationNotFound = "OPERATION_NOT_FOUND";
// Later, or less of it.
inline constexpr std::string_view kMemoryBudget = "MEMORY_BUDGET";
inline constexpr std::string_view kDiskWatermark = "DISK_WATERMARK";
inline constexpr std::string_view kQueueFull = "QUEUE_FULL";
inline constexpr std::string_view kIndexDebt = "INDEX_DEBT";
inline constexpr std::string_view kMessageTooLarge = "MESSAGE_TOO_LARGE";
inline constexpr std::string_view kCollectionLoading = "COLLECTION_LOADING";
inline constexpr std::string_view kDraining = "DRAINING";
inline constexpr std::string_view kIndexRepair = "INDEX_REPAIR";
inline constexpr std::string_view kNotYetApplied = "NOT_YET_APPLIED";
inline constexpr std::string_view kCancelled = "CANCELLED";
inline constexpr std::string_view kDeadlineExceeded = "DEADLINE_EXCEEDED";
// Something broke.
inline constexpr std::string_view kCorruption = "CORRUPTION";
inline constexpr std::string_view kStorageError = "STORAGE_ERROR";
inline constexpr std::string_view kInternal = "INTERNAL";
}  // namespace reason

// What a Status made by Error() carries beside its code and message.
struct ErrorDetails {
  std::string reason;                                 // empty: the status did not come from Error()
  std::string field;                                  // path of the offending field, or empty
  std::map<std::string, std::string> metadata;        // numbers and names, for programs
  absl::Duration retry_after = absl::ZeroDuration();  // zero: no advice
};

namespace internal {
inline constexpr char kReasonUrl[] = "kith/reason";
inline constexpr char kFieldUrl[] = "kith/field";
inline constexpr char kRetryUrl[] = "kith/retry_after_ms";
inline constexpr std::string_view kMetadataUrl = "kith/metadata/";
}  // namespace internal

// A Status under construction; converts to absl::Status (and so to any StatusOr) when returned.
class [[nodiscard]] ErrorBuilder {
 public:
  ErrorBuilder(absl::StatusCode code, std::string_view reason, const std::string& message)
      : status_(code, message) {
    status_.SetPayload(internal::kReasonUrl, absl::Cord(std::string(reason)));
  }

  ErrorBuilder&& Field(const std::string& path) && {
    status_.SetPayload(internal::kFieldUrl, absl::Cord(path));
    return std::move(*this);
  }
  template <typename T>
  ErrorBuilder&& With(std::string_view key, const T& value) && {
    status_.SetPayload(std::string(internal::kMetadataUrl) + std::string(key),
                       absl::Cord(fmt::format("{}", value)));
    return std::move(*this);
  }
  ErrorBuilder&& RetryAfter(absl::Duration wait) && {
    status_.SetPayload(internal::kRetryUrl,
                       absl::Cord(fmt::format("{}", absl::ToInt64Milliseconds(wait))));
    return std::move(*this);
  }

  operator absl::Status() && { return std::move(status_); }  // NOLINT: made to be returned
  template <typename T>
  operator absl::StatusOr<T>() && {  // NOLINT: made to be returned
    return std::move(status_);
  }

 private:
  absl::Status status_;
};

template <typename... Args>
ErrorBuilder Error(absl::StatusCode code, std::string_view reason,
                   fmt::format_string<Args...> format, Args&&... args) {
  return ErrorBuilder(code, reason, fmt::format(format, std::forward<Args>(args)...));
}

// The commonest code, by name.
template <typename... Args>
ErrorBuilder InvalidArgument(std::string_view reason, fmt::format_string<Args...> format,
                             Args&&... args) {
  return Error(absl::StatusCode::kInvalidArgument, reason, format, std::forward<Args>(args)...);
}

inline ErrorDetails DetailsOf(const absl::Status& status) {
  ErrorDetails details;
  status.ForEachPayload([&](auto url_view, const absl::Cord& payload) {
    const std::string url(url_view);
    std::string value(payload);
    if (url == internal::kReasonUrl) {
      details.reason = std::move(value);
    } else if (url == internal::kFieldUrl) {
      details.field = std::move(value);
    } else if (url == internal::kRetryUrl) {
      details.retry_after = absl::Milliseconds(std::strtoll(value.c_str(), nullptr, 10));
    } else if (url.starts_with(internal::kMetadataUrl)) {
      details.metadata[url.substr(internal::kMetadataUrl.size())] = std::move(value);
    }
  });
  return details;
}

// The same status with `path` put before its field path: a caller that knows the larger message
// ("documents[3]") completes what the callee knew ("vector", or "[17]" for a part of it).
inline absl::Status InField(absl::Status status, std::string_view path) {
  if (status.ok()) return status;
  std::string field(path);
  if (auto inner = status.GetPayload(internal::kFieldUrl)) {
    const std::string part(*inner);
    if (!part.starts_with('[')) field += '.';
    field += part;
  }
  status.SetPayload(internal::kFieldUrl, absl::Cord(field));
  return status;
}

// User-given bytes for a message: at most 64 of them, quoted, control and non-ASCII bytes escaped.
inline std::string Quoted(std::string_view bytes) {
  constexpr size_t kShown = 64;
  std::string out = "\"";
  for (unsigned char byte : bytes.substr(0, kShown)) {
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += static_cast<char>(byte);
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += static_cast<char>(byte);
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  out += bytes.size() > kShown ? "\"..." : "\"";
  return out;
}

}  // namespace kith

#endif  // KITH_BASE_ERROR_H_
