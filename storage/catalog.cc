#include "storage/catalog.h"

#include <rocksdb/db.h>
#include <rocksdb/iterator.h>

#include <memory>
#include <string_view>

#include "kith/base/status_macros.h"
#include "storage/database.h"
#include "storage/keys.h"
#include "storage/records.h"
#include "storage/rocksdb_status.h"
#include "storage/store.h"

namespace kith::storage {
namespace {

template <typename Record>
absl::Status ReadNumbered(std::string_view key, std::string_view value,
                          std::map<uint32_t, Record>& rows) {
  const auto number = ParseCatalogNumber(key);
  if (!number) return DamagedRow(Family::kCatalog, key, "it holds no number");
  return ParseRecord(Family::kCatalog, key, value, rows[*number]);
}

template <typename Record>
absl::Status ReadNamed(std::string_view key, std::string_view value,
                       std::map<std::string, Record>& rows) {
  return ParseRecord(Family::kCatalog, key, value, rows[std::string(key.substr(1))]);
}

absl::Status ReadRow(std::string_view key, std::string_view value, Catalog& catalog) {
  switch (key.empty() ? '\0' : key.front()) {
    case static_cast<char>(CatalogTag::kServer):
      return ParseRecord(Family::kCatalog, key, value, catalog.server);
    case static_cast<char>(CatalogTag::kCollection):
      return ReadNumbered(key, value, catalog.collections);
    case static_cast<char>(CatalogTag::kFieldRegistry):
      return ReadNumbered(key, value, catalog.field_registries);
    case static_cast<char>(CatalogTag::kShardState):
      return ReadNumbered(key, value, catalog.shards);
    case static_cast<char>(CatalogTag::kManifest): {
      const auto of = ParseManifestKey(key);
      if (!of) return DamagedRow(Family::kCatalog, key, "it holds no shard and space");
      return ParseRecord(Family::kCatalog, key, value, catalog.manifests[*of]);
    }
    case static_cast<char>(CatalogTag::kModel):
      return ReadNamed(key, value, catalog.models);
    case static_cast<char>(CatalogTag::kOperation):
      return ReadNamed(key, value, catalog.operations);
    default:
      return DamagedRow(Family::kCatalog, key, "no kind of row has this tag");
  }
}

}  // namespace

absl::StatusOr<Catalog> Store::LoadCatalog() const {
  Catalog catalog;
  const std::unique_ptr<rocksdb::Iterator> rows(
      database_->db().NewIterator({}, database_->family(Family::kCatalog)));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    const rocksdb::Slice key = rows->key();
    const rocksdb::Slice value = rows->value();
    KITH_RETURN_IF_ERROR(ReadRow({key.data(), key.size()}, {value.data(), value.size()}, catalog));
  }
  KITH_RETURN_IF_ERROR(FromRocksDb(rows->status(), "reading the catalog"));
  return catalog;
}

}  // namespace kith::storage
