// Documents by filter, as callers ask for them, and their answers: listing, counting, facets,
// deleting. Filters are index::Filter trees as they were read, not resolved yet. Plain values.
//
// Errors, where a filter or field is named: INVALID_ARGUMENT with FILTER_TYPE, FILTER_TOO_LARGE,
// FIELD_NOT_INDEXED.

#ifndef KITH_SERVER_ENGINE_DOCUMENT_FILTER_H_
#define KITH_SERVER_ENGINE_DOCUMENT_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "index/metadata/facets.h"
#include "index/metadata/filter.h"
#include "server/engine/document.h"
#include "server/engine/schema.h"

namespace kith::engine {

struct ListRequest {
  std::optional<index::Filter> filter = {};  // absent: all documents
  // A field; empty: by id, bytewise. Documents with equal values come in the order in which they
  // were last written; those without the field come last. Of a list its least value counts,
  // descending its greatest.
  std::string order_by = {};
  bool descending = false;
  size_t limit = 100;
  // DocumentPage::next of the page before, under the same filter and order; empty: the first page.
  // Each page is of the View that it is read from: a document that is not written meanwhile comes
  // exactly once.
  std::string after = {};
  DocumentSelector select = {};
};

struct DocumentPage {
  std::vector<Document> documents;
  bool more = false;
  std::string next;  // any bytes; empty without more
};

struct DocumentCount {
  uint64_t documents = 0;
  uint64_t passages = 0;  // of theirs
};

struct FacetRequest {
  std::optional<index::Filter> filter = {};
  std::vector<std::string> fields;  // 1..kFacetFieldsMax
  size_t limit = 10;                // values of each field, 1..kFacetValuesMax
};
inline constexpr size_t kFacetFieldsMax = 16;
inline constexpr size_t kFacetValuesMax = 1000;

struct Facet {
  std::string field;
  std::vector<index::FacetCount> values;  // most documents first, then the lesser value
  uint64_t value_count = 0;               // different ones, in all
  uint64_t document_count = 0;            // that have the field
};

struct FacetAnswer {
  std::vector<Facet> facets;  // in the order of the fields
  DocumentCount count;        // of the filter
};

struct DeleteMatchingRequest {
  index::Filter filter;
  bool dry_run = false;  // only say how many
  std::optional<Durability> durability = {};
};

struct DeleteMatchingAnswer {
  uint64_t deleted = 0;  // or would be
  // Matched when the call came, and were written or deleted before their turn: left as they are.
  uint64_t changed = 0;
  CommitToken token;
  Durability durability = Durability::kSynced;
};

// Called exactly once, from a thread of the engine; must not block.
using DeleteMatchingDone = std::function<void(absl::StatusOr<DeleteMatchingAnswer>)>;

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_DOCUMENT_FILTER_H_
