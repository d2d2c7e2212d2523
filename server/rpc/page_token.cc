#include "server/rpc/page_token.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "kith/base/error.h"
#include "xxhash.h"

namespace kith::rpc {
namespace {

// A token is base64url of: format (1 byte), kind (1 byte), checksum (8 bytes), the last key.
constexpr char kFormat = 1;
constexpr size_t kHeader = 2 + sizeof(uint64_t);
constexpr size_t kDefaultPage = 100;

uint64_t Checksum(PageKind kind, std::string_view scope, std::string_view key) {
  const uint64_t of_scope =
      XXH3_64bits_withSeed(scope.data(), scope.size(), static_cast<XXH64_hash_t>(kind));
  return XXH3_64bits_withSeed(key.data(), key.size(), of_scope);
}

}  // namespace

std::string MakePageToken(PageKind kind, std::string_view scope, std::string_view last_key) {
  const uint64_t checksum = Checksum(kind, scope, last_key);
  std::string raw = {kFormat, static_cast<char>(kind)};
  raw.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
  raw += last_key;
  return absl::WebSafeBase64Escape(raw);
}

absl::StatusOr<std::string> ReadPageToken(PageKind kind, std::string_view scope,
                                          const std::string& token) {
  if (token.empty()) return std::string();
  std::string raw;
  uint64_t checksum = 0;
  if (absl::WebSafeBase64Unescape(token, &raw) && raw.size() >= kHeader && raw[0] == kFormat &&
      raw[1] == static_cast<char>(kind)) {
    std::memcpy(&checksum, raw.data() + 2, sizeof(checksum));
    std::string key = raw.substr(kHeader);
    if (checksum == Checksum(kind, scope, key)) return key;
  }
  return InvalidArgument(
             reason::kInvalidPageToken,
             "page_token is not one that this listing gave: pass next_page_token of the "
             "page before, unchanged, with the same request")
      .Field("page_token");
}

absl::StatusOr<size_t> PageSize(int32_t requested, size_t most) {
  if (requested < 0) {
    return InvalidArgument(reason::kLimitOutOfRange, "page_size is {}: it must not be negative",
                           requested)
        .Field("page_size");
  }
  if (requested == 0) return std::min(kDefaultPage, most);
  return std::min(static_cast<size_t>(requested), most);
}

}  // namespace kith::rpc
