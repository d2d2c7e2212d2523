// Catalog: everything that the server needs to know before it opens a collection, read at start.

#ifndef KITH_STORAGE_CATALOG_H_
#define KITH_STORAGE_CATALOG_H_

#include <map>
#include <string>

#include "kith/store/catalog.pb.h"
#include "storage/segment_files.h"
#include "storage/types.h"

namespace kith::storage {

struct Catalog {
  store::ServerRecord server;
  std::map<CollectionNumber, store::CollectionRecord> collections;  // those being dropped, too
  std::map<CollectionNumber, store::FieldRegistry> field_registries;
  std::map<ShardNumber, store::ShardState> shards;
  Manifests manifests;
  std::map<std::string, store::ModelRecord> models;  // by artifact hash
  std::map<std::string, store::OperationRecord> operations;
};

}  // namespace kith::storage

#endif  // KITH_STORAGE_CATALOG_H_
