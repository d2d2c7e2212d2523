// MetadataBuilder: rows -> a MetadataIndex. For the writer of a segment: the rows of a commit
// group, or those that an update gives new metadata.
//
//   MetadataBuilder builder;                      // or builder(sequence), for an update
//   builder.AddDocument(first_slot, passages, row);
//   runs = runs.With(builder.Build());
//
// Not thread-safe.

#ifndef KITH_INDEX_METADATA_METADATA_BUILDER_H_
#define KITH_INDEX_METADATA_METADATA_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "index/metadata/metadata_index.h"
#include "index/metadata/metadata_row.h"

namespace kith::index {

class MetadataBuilder {
 public:
  // `stamp`: the sequence of the update that the rows are from; 0: they are not.
  explicit MetadataBuilder(uint64_t stamp = 0);
  ~MetadataBuilder();
  MetadataBuilder(MetadataBuilder&&) noexcept;
  MetadataBuilder& operator=(MetadataBuilder&&) noexcept;

  // The passages of a document: slots [first_slot, first_slot + passages), of which the first is
  // its head. REQUIRES: passages > 0; the slots are above those that were added before.
  void AddDocument(uint32_t first_slot, uint32_t passages, const MetadataRow& row);

  // One slot alone. REQUIRES: as above.
  void Add(uint32_t slot, bool head, const MetadataRow& row);

  uint32_t rows() const;
  size_t memory_bytes() const;  // held now; Build takes about as much again

  // What was added; the builder is empty afterwards. The same rows give the same image. REQUIRES:
  // rows() > 0.
  std::shared_ptr<const MetadataIndex> Build();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kith::index

#endif  // KITH_INDEX_METADATA_METADATA_BUILDER_H_
