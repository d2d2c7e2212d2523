// Making the image of a TermIndex: from rows, or from the term indexes of segments that are merged.
//
//   TermIndexBuilder builder(analyser->identity());
//   for (...) builder.Add(analyser->Analyse(text));           // slots 0, 1, 2, ...
//   KITH_ASSIGN_OR_RETURN(std::string image, builder.Build());
//
// Not thread-safe.

#ifndef KITH_INDEX_TERMS_TERM_INDEX_BUILDER_H_
#define KITH_INDEX_TERMS_TERM_INDEX_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "index/terms/growing_terms.h"
#include "index/terms/row_terms.h"
#include "index/terms/term_index.h"
#include "kith/base/call.h"

namespace kith::index {

// Whether the row of that slot stays; empty: all do.
using KeepRow = std::function<bool(uint32_t slot)>;

class TermIndexBuilder {
 public:
  // `analyser`: TermAnalyser::identity() of whoever made the rows' terms.
  explicit TermIndexBuilder(std::string_view analyser);
  ~TermIndexBuilder();

  // The next row. Rows without terms have a slot too.
  void Add(const RowTerms& row);

  // The next rows: of the first `visible` ones of `terms` those that `keep` says.
  void Add(const GrowingTerms& terms, uint32_t visible, const KeepRow& keep = nullptr);

  uint32_t rows() const;
  // What is held now. Build takes twice the size of the image beside it, which is about as large.
  size_t memory_bytes() const;

  // The image; the builder is then empty. The same rows give the same bytes. CANCELLED or
  // DEADLINE_EXCEEDED once nobody waits any more.
  absl::StatusOr<std::string> Build(const Call& call = Call::Background());

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct TermMergeSource {
  const TermIndex* index = nullptr;
  KeepRow keep = nullptr;
};

// The image of one index that holds the rows of all sources that stay, in their order: what a
// TermIndexBuilder makes of the same rows, byte for byte. It takes twice the memory of the image
// and at most 20 bytes a row. REQUIRES: all sources are of one analyser.
absl::StatusOr<std::string> MergeTermIndexes(std::span<const TermMergeSource> sources,
                                             const Call& call = Call::Background());

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_TERM_INDEX_BUILDER_H_
