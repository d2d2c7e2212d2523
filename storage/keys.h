// Keys: how rows are named. Numbers are big-endian, so that keys sort as the numbers do, and begin
// with the shard, so that a shard is one range in every family. docs/formats/data-folder.md draws
// them.
//
// Only storage/ and its tests use this. Thread-safe: plain functions.

#ifndef KITH_STORAGE_KEYS_H_
#define KITH_STORAGE_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "storage/types.h"

namespace kith::storage {

// The column families. The numbers go into the running hash: never renumber.
enum class Family : uint8_t {
  kCatalog = 0,
  kDocuments = 1,
  kText = 2,
  kPassages = 3,
  kVectors = 4,
  kTombstones = 5,
  kRequests = 6,
  kUpdates = 7,
};
inline constexpr size_t kFamilyCount = 8;
inline constexpr std::array<Family, kFamilyCount> kFamilies = {
    Family::kCatalog, Family::kDocuments,  Family::kText,     Family::kPassages,
    Family::kVectors, Family::kTombstones, Family::kRequests, Family::kUpdates};
// Those whose keys name a vector space.
inline constexpr std::array<Family, 4> kSpaceFamilies = {Family::kPassages, Family::kVectors,
                                                         Family::kTombstones, Family::kUpdates};
std::string_view FamilyName(Family family);

// The first byte of a catalog key says what the row is. Persisted: never renumber.
enum class CatalogTag : char {
  kServer = 's',
  kCollection = 'c',
  kFieldRegistry = 'f',
  kShardState = 'h',
  kManifest = 'g',
  kModel = 'm',
  kOperation = 'o',
};

// --- Catalog ---
std::string CatalogKey(CatalogTag tag);
std::string CatalogKey(CatalogTag tag, uint32_t number);
std::string CatalogKey(CatalogTag tag, std::string_view name);
std::string ManifestKey(ShardNumber shard, SpaceNumber space);

// --- Shards ---
// What all of a shard's keys begin with, and the first key after them all.
std::string ShardPrefix(ShardNumber shard);
std::string ShardEnd(ShardNumber shard);

// Likewise of a vector space in the families that have it.
std::string SpacePrefix(ShardNumber shard, SpaceNumber space);
std::string SpaceEnd(ShardNumber shard, SpaceNumber space);

std::string DocumentKey(ShardNumber shard, std::string_view id);
std::string TextKey(ShardNumber shard, TextId text_id, uint32_t block);
// Of passages, vectors, tombstones and updates.
std::string OrdinalKey(ShardNumber shard, SpaceNumber space, Ordinal ordinal);
std::string RequestKey(ShardNumber shard, std::string_view request_id);
// `time_us` before 1970 counts as 0.
std::string RequestTimeKey(ShardNumber shard, int64_t time_us, std::string_view request_id);

// --- Reading keys back: empty if the key does not have the shape. ---
std::optional<uint32_t> ParseCatalogNumber(std::string_view key);
std::optional<std::pair<ShardNumber, SpaceNumber>> ParseManifestKey(std::string_view key);
// REQUIRES of the two below: the key begins with its shard.
std::optional<Ordinal> ParseOrdinal(std::string_view key);
struct ParsedRequestTime {
  int64_t time_us = 0;
  std::string_view request_id;
};
std::optional<ParsedRequestTime> ParseRequestTime(std::string_view key);

inline constexpr size_t kShardPrefixBytes = 4;
inline constexpr size_t kOrdinalKeyBytes = 4 + 2 + 8;

// A key for a message: its bytes in hexadecimal, and the numbers that were in it.
std::string DescribeKey(Family family, std::string_view key);

}  // namespace kith::storage

#endif  // KITH_STORAGE_KEYS_H_
