// Page tokens: where a listing goes on. To clients they are opaque; inside is the last key of the
// page before, the kind of listing, and a checksum that also covers what was listed (a collection),
// so that a token made for another listing, or made up, is refused rather than answered wrongly.
//
// Pure functions.

#ifndef KITH_SERVER_RPC_PAGE_TOKEN_H_
#define KITH_SERVER_RPC_PAGE_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kith::rpc {

// Never renumber: clients hold tokens across an upgrade.
enum class PageKind : uint8_t { kCollections = 1, kDocuments = 2, kOperations = 3 };

// The token of the page after `last_key`. `scope`: what is listed, as a collection's name.
std::string MakePageToken(PageKind kind, std::string_view scope, std::string_view last_key);

// The key after which the page begins; empty for an empty token. INVALID_ARGUMENT /
// INVALID_PAGE_TOKEN.
absl::StatusOr<std::string> ReadPageToken(PageKind kind, std::string_view scope,
                                          const std::string& token);

// `requested` as the API defines it: 0 means 100, above `most` is coerced, negative is refused.
absl::StatusOr<size_t> PageSize(int32_t requested, size_t most);

}  // namespace kith::rpc

#endif  // KITH_SERVER_RPC_PAGE_TOKEN_H_
