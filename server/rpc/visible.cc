#include "server/rpc/visible.h"

#include <algorithm>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::rpc {

std::vector<engine::CollectionInfo> VisibleCollections(const engine::Database& database,
                                                       const security::Principal& caller,
                                                       std::string_view after, size_t limit) {
  if (!caller.restricted) return database.ListCollections(after, limit);
  std::vector<engine::CollectionInfo> found;
  const auto& names = caller.collections;  // sorted, and at most 1,000
  for (auto name = std::upper_bound(names.begin(), names.end(), after);
       name != names.end() && found.size() < limit; ++name) {
    auto info = database.GetCollection(*name);
    if (info.ok()) found.push_back(*std::move(info));
  }
  return found;
}

std::vector<engine::Operation> VisibleOperations(engine::Database& database,
                                                 const security::Principal& caller,
                                                 std::string_view after, size_t limit) {
  if (!caller.restricted) return database.operations().List(after, limit);
  constexpr size_t kPage = 1000;
  std::vector<engine::Operation> found;
  std::string last(after);
  for (;;) {
    auto page = database.operations().List(last, kPage);
    for (engine::Operation& operation : page) {
      last = operation.id;
      if (caller.Sees(operation.target)) found.push_back(std::move(operation));
      if (found.size() == limit) return found;
    }
    if (page.size() < kPage) return found;
  }
}

absl::StatusOr<engine::Operation> VisibleOperation(engine::Database& database,
                                                   const security::Principal& caller,
                                                   std::string_view id) {
  KITH_ASSIGN_OR_RETURN(engine::Operation operation, database.operations().Get(id));
  if (caller.Sees(operation.target)) return operation;
  // The registry's own words for an id that it does not know.
  return Error(absl::StatusCode::kNotFound, reason::kOperationNotFound,
               "there is no operation {}; ended ones are kept for 7 days", Quoted(id))
      .Field("id");
}

void CountVisible(const engine::Database& database, const security::Principal& caller,
                  engine::ServerInfo* info) {
  if (!caller.restricted) return;
  const auto seen = VisibleCollections(database, caller, "", caller.collections.size());
  info->collections = static_cast<uint32_t>(seen.size());
  info->loading_collections = static_cast<uint32_t>(
      std::count_if(seen.begin(), seen.end(), [](const engine::CollectionInfo& collection) {
        return collection.state == engine::CollectionState::kLoading;
      }));
}

}  // namespace kith::rpc
