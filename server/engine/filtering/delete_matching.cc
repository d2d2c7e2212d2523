#include "server/engine/filtering/delete_matching.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "index/metadata/filter.h"
#include "kith/base/status_macros.h"
#include "server/engine/document_reader.h"
#include "server/engine/filtering/view_matches.h"
#include "server/engine/preparer.h"
#include "server/engine/records.h"
#include "server/engine/services.h"
#include "server/engine/shard.h"
#include "server/engine/view.h"
#include "storage/reader.h"

namespace kith::engine {
namespace {

// One call under way. Its steps follow each other: on a thread that reads, then on the strand.
class Task : public std::enable_shared_from_this<Task> {
 public:
  Task(const Services* services, std::shared_ptr<Shard> shard, const CollectionOptions& options,
       DeleteMatchingRequest request, std::shared_ptr<const Call> call, DeleteMatchingDone done)
      : services_(services),
        shard_(std::move(shard)),
        options_(options),
        request_(std::move(request)),
        call_(std::move(call)),
        done_(std::move(done)),
        ticket_(services->in_flight.Enter()) {}

  void Start() {
    absl::Status queued =
        services_->reads.Submit(call_, [self = shared_from_this()](absl::Status status) {
          if (status.ok()) status = self->FindMatches();
          if (!status.ok()) return self->done_(std::move(status));
          self->NextBatch();
        });
    if (!queued.ok()) done_(std::move(queued));
  }

 private:
  absl::Status FindMatches() {
    space_ = shard_->served();
    view_ = space_->view();
    answer_.token = shard_->TokenOf(*view_);
    answer_.durability = request_.durability.value_or(options_.default_durability);
    KITH_ASSIGN_OR_RETURN(
        const index::Filter filter,
        index::ResolveFilter(request_.filter,
                             FieldLookup(*view_->fields, options_.unindexed_fields)));
    KITH_ASSIGN_OR_RETURN(const ViewMatches matches, ViewMatches::Of(view_->index, filter, *call_));
    first_ordinals_ = matches.FirstOrdinals();
    return absl::OkStatus();
  }

  // On a thread that reads.
  void NextBatch() {
    if (request_.dry_run) answer_.deleted = first_ordinals_.size();
    if (request_.dry_run || next_ == first_ordinals_.size()) return done_(std::move(answer_));
    auto write = PrepareBatch();
    if (!write.ok()) return done_(write.status());
    (*write)->ticket = ticket_;
    (*write)->done = [self = shared_from_this()](absl::StatusOr<WriteAnswer> answer) {
      if (!answer.ok()) return self->done_(answer.status());
      self->answer_.deleted += answer->deleted;
      self->answer_.changed += answer->missing;
      self->answer_.token = std::move(answer->token);
      // This is the strand, which does not read. One at a time for each call: no bound is needed.
      self->services_->reads.Post([self] { self->NextBatch(); });
    };
    shard_->Commit(*std::move(write));
  }

  absl::StatusOr<std::unique_ptr<PreparedWrite>> PrepareBatch() {
    KITH_RETURN_IF_ERROR(call_->Check());
    const size_t count =
        std::min(first_ordinals_.size() - next_, size_t{services_->limits.batch_documents});
    const storage::Reader reader(view_->snapshot);
    KITH_ASSIGN_OR_RETURN(
        const auto passages,
        ReadPassages(reader, space_->identity(), std::span(first_ordinals_).subspan(next_, count)));
    next_ += count;
    std::vector<std::string_view> ids;
    for (const store::PassageRecord& passage : passages) ids.push_back(passage.document_id());
    KITH_ASSIGN_OR_RETURN(const auto records, reader.GetDocuments(space_->identity().shard, ids));
    DeleteRequest batch{.deletes = {}, .request_id = {}, .durability = answer_.durability};
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!records[i].has_value()) return Vanished(space_->identity(), ids[i]);
      batch.deletes.push_back(
          {.id = std::string(ids[i]),
           .if_match = DocumentEtag(space_->identity().shard, records[i]->sequence()),
           .leave_changed = true});
    }
    return PrepareDelete(*services_, options_, std::move(batch), call_);
  }

  const Services* const services_;
  const std::shared_ptr<Shard> shard_;
  const CollectionOptions options_;
  const DeleteMatchingRequest request_;
  const std::shared_ptr<const Call> call_;
  const DeleteMatchingDone done_;
  const InFlight::Ticket ticket_;

  // Of the step under way, alone.
  std::shared_ptr<SpaceIndex> space_;
  std::shared_ptr<const View> view_;
  std::vector<uint64_t> first_ordinals_;  // of the documents that matched
  size_t next_ = 0;
  DeleteMatchingAnswer answer_;
};

}  // namespace

void DeleteMatching(const Services* services, std::shared_ptr<Shard> shard,
                    const CollectionOptions& options, DeleteMatchingRequest request,
                    std::shared_ptr<const Call> call, DeleteMatchingDone done) {
  std::make_shared<Task>(services, std::move(shard), options, std::move(request), std::move(call),
                         std::move(done))
      ->Start();
}

}  // namespace kith::engine
