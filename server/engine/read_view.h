// ReadView: documents as they stood at one commit. Everything read through one ReadView is of the
// same moment. Reading may touch the disk: call it on an executor's thread. Cheap to copy; holding
// one keeps old rows from being dropped, so let go of it soon.

#ifndef KITH_SERVER_ENGINE_READ_VIEW_H_
#define KITH_SERVER_ENGINE_READ_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/document.h"
#include "server/engine/schema.h"

namespace kith::engine {

class Shard;
struct View;

class ReadView {
 public:
  struct GetAnswer {
    std::vector<Document> documents;       // in the order asked
    std::vector<std::string> missing_ids;  // likewise
  };
  struct Page {
    std::vector<Document> documents;
    bool more = false;
  };

  ReadView(std::shared_ptr<const Shard> shard, std::shared_ptr<const View> view)
      : shard_(std::move(shard)), view_(std::move(view)) {}

  absl::StatusOr<GetAnswer> Get(const std::vector<std::string>& ids,
                                const DocumentSelector& select) const;

  // At most `limit` documents with ids after `after_id`, bytewise ascending; fewer (and `more`)
  // once they hold more bytes than a message should.
  absl::StatusOr<Page> List(std::string_view after_id, size_t limit,
                            const DocumentSelector& select) const;

  uint64_t count() const;
  CommitToken token() const;

 private:
  std::shared_ptr<const Shard> shard_;
  std::shared_ptr<const View> view_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_READ_VIEW_H_
