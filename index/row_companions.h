// What a row brings beside its vector, and what rows take before they are appended. For those who
// call IndexWriter.

#ifndef KITH_INDEX_ROW_COMPANIONS_H_
#define KITH_INDEX_ROW_COMPANIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "index/metadata/metadata_row.h"
#include "index/terms/growing_terms.h"
#include "index/terms/row_terms.h"

namespace kith::index {

struct RowCompanions {
  const RowTerms* terms = nullptr;                        // borrowed for the call; null: none
  std::shared_ptr<const MetadataRow> metadata = nullptr;  // null: no fields
  // How new the metadata is: 0 for a row that is being written; for one that is read back from
  // storage the sequence of the snapshot, since an update may have gone into it.
  uint64_t stamp = 0;
};

// A sum over rows. Counted where rows are made, with nothing locked, and added up over writes.
struct RowNeeds {
  uint64_t rows = 0;
  TermNeeds terms;
  size_t metadata_bytes = 0;

  void Add(const RowTerms& row_terms, const MetadataRow& row) {
    ++rows;
    terms.Add(row_terms);
    metadata_bytes += RunBytes(row);
  }
  void Add(const RowNeeds& other) {
    rows += other.rows;
    terms.Add(other.terms);
    metadata_bytes += other.metadata_bytes;
  }
};

}  // namespace kith::index

#endif  // KITH_INDEX_ROW_COMPANIONS_H_
