#include "storage/keys.h"

#include <algorithm>

#include "fmt/format.h"
#include "kith/base/error.h"

namespace kith::storage {
namespace {

// Request rows: by id, and by time.
constexpr char kRequestById = 'i';
constexpr char kRequestByTime = 't';

template <typename T>
void AppendBigEndian(std::string& out, T value) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
}

// REQUIRES: `bytes` has sizeof(T) bytes at least.
template <typename T>
T ReadBigEndian(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value << 8 | static_cast<uint8_t>(bytes[i]));
  }
  return value;
}

std::string Begin(ShardNumber shard, size_t rest_bytes) {
  std::string key;
  key.reserve(kShardPrefixBytes + rest_bytes);
  AppendBigEndian<uint32_t>(key, shard);
  return key;
}

}  // namespace

std::string_view FamilyName(Family family) {
  switch (family) {
    case Family::kCatalog:
      return "catalog";
    case Family::kDocuments:
      return "documents";
    case Family::kText:
      return "text";
    case Family::kPassages:
      return "passages";
    case Family::kVectors:
      return "vectors";
    case Family::kTombstones:
      return "tombstones";
    case Family::kRequests:
      return "requests";
    case Family::kUpdates:
      return "updates";
  }
  return "unknown";
}

std::string CatalogKey(CatalogTag tag) { return std::string(1, static_cast<char>(tag)); }

std::string CatalogKey(CatalogTag tag, uint32_t number) {
  std::string key = CatalogKey(tag);
  AppendBigEndian<uint32_t>(key, number);
  return key;
}

std::string CatalogKey(CatalogTag tag, std::string_view name) {
  std::string key = CatalogKey(tag);
  key += name;
  return key;
}

std::string ManifestKey(ShardNumber shard, SpaceNumber space) {
  std::string key = CatalogKey(CatalogTag::kManifest, shard);
  AppendBigEndian<uint16_t>(key, space);
  return key;
}

std::string ShardPrefix(ShardNumber shard) { return Begin(shard, 0); }

std::string ShardEnd(ShardNumber shard) {
  if (shard != UINT32_MAX) return Begin(shard + 1, 0);
  // No key is as long as this one, so that it is greater than every key of the last shard.
  return std::string(kShardPrefixBytes + 2 * kDocumentIdBytesMax, '\xff');
}

std::string SpacePrefix(ShardNumber shard, SpaceNumber space) {
  std::string key = Begin(shard, sizeof(space));
  AppendBigEndian<uint16_t>(key, space);
  return key;
}

std::string SpaceEnd(ShardNumber shard, SpaceNumber space) {
  return space == UINT16_MAX ? ShardEnd(shard) : SpacePrefix(shard, space + 1);
}

std::string DocumentKey(ShardNumber shard, std::string_view id) {
  std::string key = Begin(shard, id.size());
  key += id;
  return key;
}

std::string TextKey(ShardNumber shard, TextId text_id, uint32_t block) {
  std::string key = Begin(shard, 12);
  AppendBigEndian<uint64_t>(key, text_id);
  AppendBigEndian<uint32_t>(key, block);
  return key;
}

std::string OrdinalKey(ShardNumber shard, SpaceNumber space, Ordinal ordinal) {
  std::string key = Begin(shard, 10);
  AppendBigEndian<uint16_t>(key, space);
  AppendBigEndian<uint64_t>(key, ordinal);
  return key;
}

std::string RequestKey(ShardNumber shard, std::string_view request_id) {
  std::string key = Begin(shard, 1 + request_id.size());
  key += kRequestById;
  key += request_id;
  return key;
}

std::string RequestTimeKey(ShardNumber shard, int64_t time_us, std::string_view request_id) {
  std::string key = Begin(shard, 9 + request_id.size());
  key += kRequestByTime;
  AppendBigEndian<uint64_t>(key, static_cast<uint64_t>(std::max<int64_t>(time_us, 0)));
  key += request_id;
  return key;
}

std::optional<uint32_t> ParseCatalogNumber(std::string_view key) {
  if (key.size() != 1 + sizeof(uint32_t)) return std::nullopt;
  return ReadBigEndian<uint32_t>(key.substr(1));
}

std::optional<std::pair<ShardNumber, SpaceNumber>> ParseManifestKey(std::string_view key) {
  if (key.size() != 1 + sizeof(uint32_t) + sizeof(uint16_t)) return std::nullopt;
  return std::pair(ReadBigEndian<uint32_t>(key.substr(1)), ReadBigEndian<uint16_t>(key.substr(5)));
}

std::optional<Ordinal> ParseOrdinal(std::string_view key) {
  if (key.size() != kOrdinalKeyBytes) return std::nullopt;
  return ReadBigEndian<uint64_t>(key.substr(6));
}

std::optional<ParsedRequestTime> ParseRequestTime(std::string_view key) {
  constexpr size_t kIdBegin = kShardPrefixBytes + 1 + 8;
  if (key.size() <= kIdBegin || key[kShardPrefixBytes] != kRequestByTime) return std::nullopt;
  const auto time = ReadBigEndian<uint64_t>(key.substr(kShardPrefixBytes + 1));
  if (time > INT64_MAX) return std::nullopt;
  return ParsedRequestTime{static_cast<int64_t>(time), key.substr(kIdBegin)};
}

std::string DescribeKey(Family family, std::string_view key) {
  constexpr size_t kShown = 64;
  std::string out = fmt::format("{} key ", FamilyName(family));
  for (unsigned char byte : key.substr(0, kShown)) out += fmt::format("{:02x}", byte);
  if (key.size() > kShown) out += "...";
  if (family == Family::kCatalog || key.size() < kShardPrefixBytes) return out;
  out += fmt::format(" (shard {}", ReadBigEndian<uint32_t>(key));
  const std::string_view rest = key.substr(kShardPrefixBytes);
  switch (family) {
    case Family::kDocuments:
      out += fmt::format(", document {}", Quoted(rest));
      break;
    case Family::kText:
      if (rest.size() == 12) {
        out += fmt::format(", text {}, block {}", ReadBigEndian<uint64_t>(rest),
                           ReadBigEndian<uint32_t>(rest.substr(8)));
      }
      break;
    case Family::kPassages:
    case Family::kVectors:
    case Family::kTombstones:
    case Family::kUpdates:
      if (rest.size() == 10) {
        out += fmt::format(", space {}, ordinal {}", ReadBigEndian<uint16_t>(rest),
                           ReadBigEndian<uint64_t>(rest.substr(2)));
      }
      break;
    case Family::kRequests:
    case Family::kCatalog:
      break;
  }
  return out + ")";
}

}  // namespace kith::storage
