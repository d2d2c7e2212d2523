// ReadView: documents as they stood at one commit. Everything read through one ReadView is of the
// same moment. Reading may touch the disk: call it on an executor's thread. Cheap to copy; holding
// one keeps old rows from being dropped, so let go of it soon.

#ifndef KITH_SERVER_ENGINE_READ_VIEW_H_
#define KITH_SERVER_ENGINE_READ_VIEW_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "index/metadata/filter.h"
#include "kith/base/call.h"
#include "server/engine/document.h"
#include "server/engine/document_filter.h"
#include "server/engine/schema.h"

namespace kith::engine {

class Shard;
class SpaceIndex;
struct View;

class ReadView {
 public:
  struct GetAnswer {
    std::vector<Document> documents;       // in the order asked
    std::vector<std::string> missing_ids;  // likewise
  };
  // `unindexed`: the fields that the collection's schema leaves out of the index.
  ReadView(std::shared_ptr<const Shard> shard, std::shared_ptr<const SpaceIndex> space,
           std::shared_ptr<const View> view, std::vector<std::string> unindexed)
      : shard_(std::move(shard)),
        space_(std::move(space)),
        view_(std::move(view)),
        unindexed_(std::move(unindexed)) {}

  absl::StatusOr<GetAnswer> Get(const std::vector<std::string>& ids,
                                const DocumentSelector& select) const;

  // Documents by id or in the order of a field, those that a filter lets through; fewer than asked
  // (and `more`) once they hold more bytes than a message should.
  absl::StatusOr<DocumentPage> List(const ListRequest& request, const Call& call) const;

  uint64_t count() const;  // of all documents
  // Of all documents, or those that the filter lets through.
  absl::StatusOr<DocumentCount> Count(const std::optional<index::Filter>& filter,
                                      const Call& call) const;

  absl::StatusOr<FacetAnswer> Facets(const FacetRequest& request, const Call& call) const;

  CommitToken token() const;

 private:
  index::FilterFieldLookup Fields() const;

  std::shared_ptr<const Shard> shard_;
  std::shared_ptr<const SpaceIndex> space_;  // that the View is of
  std::shared_ptr<const View> view_;
  std::vector<std::string> unindexed_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_READ_VIEW_H_
