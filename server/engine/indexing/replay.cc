#include "server/engine/indexing/replay.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/records.h"

namespace kith::engine {
namespace {

// Rows that are read, and for which memory is taken, at a time.
constexpr size_t kReplayRows = 1024;

absl::Status Damaged(uint64_t ordinal, const SpaceIdentity& shard, const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "what is stored of ordinal {} of shard {} is damaged: {}", ordinal, shard.shard,
               what);
}

// The rows of a batch belong to these documents, whose passages are neighbours.
struct ReplayedDocument {
  std::string id;
  size_t first = 0;  // of its rows in the batch
  size_t count = 0;
  store::DocumentRecord record = {};
  std::shared_ptr<const index::MetadataRow> metadata = nullptr;
};

class Replay {
 public:
  Replay(const ReplaySource& source, const LoadProgress& progress, const Call& call,
         index::IndexWriter* index)
      : source_(source),
        before_(index->live_rows()),
        progress_(progress),
        call_(call),
        index_(index) {}

  // False to stop: see status().
  bool Visit(uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
    const index::IndexOptions& options = index_->options();
    if (absl::Status bad = index::ValidateVector(vector, options.metric, options.dimension);
        !bad.ok()) {
      status_ = Damaged(ordinal, source_.shard, "its vector: " + std::string(bad.message()));
      return false;
    }
    ordinals_.push_back(ordinal);
    passage_indexes_.push_back(passage_index);
    vectors_.insert(vectors_.end(), vector.begin(), vector.end());
    if (ordinals_.size() == kReplayRows) Flush();
    return status_.ok();
  }

  // Appends what was visited and is not there yet.
  absl::Status Finish() {
    if (status_.ok() && !ordinals_.empty()) Flush();
    return status_;
  }

 private:
  void Flush() {
    status_ = AppendBatch();
    ordinals_.clear();
    passage_indexes_.clear();
    vectors_.clear();
    passages_.clear();
    documents_.clear();
  }

  absl::Status AppendBatch() {
    KITH_RETURN_IF_ERROR(ReadPassages());
    KITH_RETURN_IF_ERROR(ReadDocuments());
    std::vector<index::RowTerms> terms(ordinals_.size());
    index::RowNeeds needs;
    for (const ReplayedDocument& document : documents_) {
      KITH_RETURN_IF_ERROR(call_.Check());
      KITH_RETURN_IF_ERROR(MakeTerms(document, terms));
      for (size_t i = document.first; i < document.first + document.count; ++i) {
        needs.Add(terms[i], *document.metadata);
      }
    }
    KITH_RETURN_IF_ERROR(index_->Reserve(needs));
    const size_t dimension = source_.shard.dimension;
    for (const ReplayedDocument& document : documents_) {
      for (size_t i = document.first; i < document.first + document.count; ++i) {
        index_->Append(
            ordinals_[i], passage_indexes_[i], {&vectors_[i * dimension], dimension},
            {.terms = &terms[i], .metadata = document.metadata, .stamp = source_.sequence});
      }
    }
    count_ += ordinals_.size();
    if (progress_) progress_(before_ + count_);
    return absl::OkStatus();
  }

  // Those of the vectors: one each, or something was lost.
  absl::Status ReadPassages() {
    absl::Status status;
    KITH_RETURN_IF_ERROR(source_.reader.ScanPassages(
        source_.shard.shard, source_.shard.space, ordinals_.front(), ordinals_.back() + 1,
        [&](uint64_t ordinal, const store::PassageRecord& passage) {
          const size_t i = passages_.size();
          if (i >= ordinals_.size() || ordinals_[i] != ordinal ||
              passage_indexes_[i] != passage.passage_index()) {
            status = Damaged(ordinal, source_.shard, "a passage without its vector");
            return false;
          }
          passages_.push_back(passage);
          return true;
        },
        call_));
    KITH_RETURN_IF_ERROR(status);
    if (passages_.size() == ordinals_.size()) return absl::OkStatus();
    return Damaged(ordinals_[passages_.size()], source_.shard, "a vector without its passage");
  }

  absl::Status ReadDocuments() {
    for (size_t i = 0; i < passages_.size(); ++i) {
      const bool goes_on =
          !documents_.empty() && documents_.back().id == passages_[i].document_id();
      if (goes_on) {
        ++documents_.back().count;
      } else {
        documents_.push_back({.id = passages_[i].document_id(), .first = i, .count = 1});
      }
    }
    std::vector<std::string_view> ids;
    for (const ReplayedDocument& document : documents_) ids.push_back(document.id);
    KITH_ASSIGN_OR_RETURN(auto records, source_.reader.GetDocuments(source_.shard.shard, ids));
    for (size_t d = 0; d < documents_.size(); ++d) {
      ReplayedDocument& document = documents_[d];
      const uint64_t ordinal = ordinals_[document.first];
      const store::PassageRange* range =
          records[d] ? RangeIn(*records[d], source_.shard.space) : nullptr;
      if (range == nullptr ||
          range->first_ordinal() + passage_indexes_[document.first] != ordinal) {
        return Damaged(ordinal, source_.shard,
                       "the document " + Quoted(document.id) + " does not have it");
      }
      document.record = *std::move(records[d]);
      KITH_ASSIGN_OR_RETURN(Metadata metadata, ReadMetadata(document.record));
      document.metadata =
          std::make_shared<const index::MetadataRow>(source_.rows.MetadataOf(std::move(metadata)));
    }
    return absl::OkStatus();
  }

  // One read of the text that the document's passages in this batch span.
  absl::Status MakeTerms(const ReplayedDocument& document, std::vector<index::RowTerms>& terms) {
    if (document.record.text_id() == 0 || source_.rows.analyser() == nullptr) {
      return absl::OkStatus();
    }
    const std::span<const store::PassageRecord> passages(&passages_[document.first],
                                                         document.count);
    uint64_t begin = passages[0].begin();
    uint64_t end = 0;
    for (const store::PassageRecord& passage : passages) {
      begin = std::min(begin, passage.begin());
      end = std::max(end, passage.end());
    }
    if (end > document.record.text_size_bytes()) {
      return Damaged(
          ordinals_[document.first], source_.shard,
          fmt::format("a passage of document {} lies outside its text", Quoted(document.id)));
    }
    KITH_ASSIGN_OR_RETURN(
        const std::string text,
        source_.reader.ReadText(source_.shard.shard, document.record.text_id(), begin, end));
    for (size_t i = 0; i < passages.size(); ++i) {
      const auto span = std::string_view(text).substr(passages[i].begin() - begin,
                                                      passages[i].end() - passages[i].begin());
      terms[document.first + i] = source_.rows.Terms(passages[i].heading_path(), span);
    }
    return absl::OkStatus();
  }

  const ReplaySource& source_;
  const uint64_t before_;
  const LoadProgress& progress_;
  const Call& call_;
  index::IndexWriter* const index_;
  uint64_t count_ = 0;
  absl::Status status_;

  // Of the batch under way.
  std::vector<uint64_t> ordinals_;
  std::vector<uint32_t> passage_indexes_;
  std::vector<float> vectors_;
  std::vector<store::PassageRecord> passages_;
  std::vector<ReplayedDocument> documents_;
};

// Updates of metadata, a batch at a time.
class UpdateReplay {
 public:
  UpdateReplay(const ReplaySource& source, index::IndexWriter* index)
      : source_(source), index_(index) {}

  bool Visit(storage::MetadataUpdate update) {
    updates_.push_back(std::move(update));
    if (updates_.size() == kReplayRows) Flush();
    return status_.ok();
  }

  absl::Status Finish() {
    if (status_.ok() && !updates_.empty()) Flush();
    return status_;
  }

 private:
  void Flush() {
    status_ = Apply();
    updates_.clear();
  }

  absl::Status Apply() {
    std::vector<std::string_view> ids;
    for (const storage::MetadataUpdate& update : updates_) ids.push_back(update.document_id);
    KITH_ASSIGN_OR_RETURN(const auto records,
                          source_.reader.GetDocuments(source_.shard.shard, ids));
    for (size_t i = 0; i < updates_.size(); ++i) {
      // Deleted since, or written anew: a tombstone says so.
      const store::PassageRange* range =
          records[i] ? RangeIn(*records[i], source_.shard.space) : nullptr;
      if (range == nullptr || range->first_ordinal() != updates_[i].first) continue;
      KITH_ASSIGN_OR_RETURN(Metadata metadata, ReadMetadata(*records[i]));
      index_->UpdateMetadata(
          {updates_[i].first, updates_[i].first + updates_[i].count},
          std::make_shared<const index::MetadataRow>(source_.rows.MetadataOf(std::move(metadata))),
          updates_[i].sequence);
    }
    return absl::OkStatus();
  }

  const ReplaySource& source_;
  index::IndexWriter* const index_;
  std::vector<storage::MetadataUpdate> updates_;
  absl::Status status_;
};

}  // namespace

absl::Status ReplayRange(const ReplaySource& source, index::OrdinalRange range,
                         const LoadProgress& progress, const Call& call,
                         index::IndexWriter* index) {
  Replay replay(source, progress, call, index);
  KITH_RETURN_IF_ERROR(source.reader.ScanVectors(
      source.shard.shard, source.shard.space, source.shard.dimension, range.begin, range.end,
      [&](uint64_t ordinal, uint32_t passage_index, std::span<const float> vector) {
        return replay.Visit(ordinal, passage_index, vector);
      },
      call));
  return replay.Finish();
}

absl::Status ReplayUpdates(const ReplaySource& source, index::OrdinalRange range, const Call& call,
                           index::IndexWriter* index) {
  UpdateReplay replay(source, index);
  KITH_RETURN_IF_ERROR(source.reader.ScanUpdates(
      source.shard.shard, source.shard.space, range.begin, range.end,
      [&](const storage::MetadataUpdate& update) { return replay.Visit(update); }, call));
  return replay.Finish();
}

}  // namespace kith::engine
