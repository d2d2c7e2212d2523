// GrowingTerms: the terms of the newest rows, append-only; stands beside a GrowingSegment, with the
// same slots. Made and filled by the writer, read by searches beside it without a lock.
//
// A hash table leads from a term to a chain of chunks of (slot, tf). Nothing that a reader may look
// at ever moves or changes: chunks are filled once, the table is replaced by a larger one and the
// old one kept until the end. All memory comes from an arena that Reserve fills, so that Append
// cannot fail.
//
// Threads: one writer at a time (BytesToReserve, Reserve, Append, size, ReleaseSpare). Readers, any
// number, say how many rows they want to see: a length that the writer handed them by something
// that orders memory (a View behind an atomic pointer).

#ifndef KITH_INDEX_TERMS_GROWING_TERMS_H_
#define KITH_INDEX_TERMS_GROWING_TERMS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/terms/row_terms.h"

namespace kith::index {

// What the terms of some rows take at the most. A sum, so that whoever makes the rows may count
// them long before they are appended, and rows of several writes are added up.
struct TermNeeds {
  uint64_t rows = 0;
  uint64_t terms = 0;  // different ones of each row
  size_t bytes = 0;    // of the terms and of their postings

  void Add(const RowTerms& row);
  void Add(const TermNeeds& other);
};

class GrowingTerms {
 public:
  // No more rows than a GrowingSegment takes.
  static constexpr uint32_t kMaxRows = 8192;

  struct Posting {
    uint32_t slot;
    uint32_t tf;  // how often the row has the term, at least 1
  };

  GrowingTerms();
  ~GrowingTerms();
  GrowingTerms(const GrowingTerms&) = delete;
  GrowingTerms& operator=(const GrowingTerms&) = delete;

  // --- The writer's side.

  // How many bytes Reserve(rows) would take now. It errs on the upper side; what is left serves the
  // rows after them.
  size_t BytesToReserve(const TermNeeds& rows) const;

  // Takes the memory for these rows, so that as many calls of Append cannot fail: `rows` are all
  // that were not appended yet. RESOURCE_EXHAUSTED (MEMORY_BUDGET) when the system gives none.
  // REQUIRES: size() + rows.rows <= kMaxRows.
  absl::Status Reserve(const TermNeeds& rows);

  // REQUIRES: reserved.
  void Append(const RowTerms& row);

  // Gives back what was reserved and not needed after all, but for a piece of at most 256 KiB.
  // Reserve comes before the next Append.
  void ReleaseSpare();

  uint32_t size() const { return size_; }
  size_t memory_bytes() const { return memory_bytes_; }

  // --- Everybody's side. REQUIRES: slot < visible <= a length that was published.

  uint32_t length(uint32_t slot) const;
  uint64_t total_length(uint32_t visible) const;  // of the rows below

  // Appends the postings below `visible` of the term to `postings`, ascending by slot.
  void Find(std::string_view term, uint32_t visible, std::vector<Posting>& postings) const;

  // Calls visit(term, postings) for each term of the rows below `visible`, in no particular order.
  void ForEachTerm(uint32_t visible,
                   absl::FunctionRef<void(std::string_view, std::span<const Posting>)> visit) const;

 private:
  friend struct TermNeeds;
  struct Chunk;
  struct Term;
  struct Table;

  static constexpr uint32_t kSumsPerChunk = 256;

  // Of a posting, with its term.
  static size_t MostBytesOf(std::string_view term);

  const Term* FindTerm(std::string_view term, uint64_t hash) const;
  Term* InsertTerm(std::string_view term, uint64_t hash);
  void AppendPosting(Term& term, Posting posting);
  void ReplaceTable(size_t slots);
  std::byte* Take(size_t bytes);  // out of the arena
  static void Read(const Term& term, uint32_t visible, std::vector<Posting>& postings);

  // A piece of the arena that is free.
  struct Room {
    std::byte* begin = nullptr;
    size_t size = 0;
  };
  struct Needs;
  Needs NeedsOf(const TermNeeds& rows) const;
  absl::StatusOr<Room> Allocate(size_t bytes);

  // The writer's alone.
  uint32_t size_ = 0;
  size_t terms_ = 0;
  size_t memory_bytes_ = 0;
  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    size_t size = 0;
  };
  std::vector<Block> arena_;
  Room room_;               // what Take takes of
  std::deque<Room> spare_;  // what it goes on with
  // For the next tables: each twice as large as the one before, so that a table is never larger
  // than it has to be. The last one is enough for all that was reserved.
  std::deque<Room> spare_tables_;

  // Stored with release once the table is complete. A reader that loads it after it was handed a
  // length finds all terms of the rows below in it.
  std::atomic<Table*> table_ = nullptr;

  // [slot / kSumsPerChunk][slot % kSumsPerChunk]: the sum of all lengths up to that row's, which
  // included. An element, and the pointer to its chunk, are written once, before the row is
  // published.
  std::array<uint64_t*, kMaxRows / kSumsPerChunk> length_sums_ = {};
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_GROWING_TERMS_H_
