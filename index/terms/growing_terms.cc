#include "index/terms/growing_terms.h"

#include <xxhash.h>

#include <algorithm>
#include <new>
#include <utility>

#include "kith/base/check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::index {
namespace {

// The arena grows by blocks of such sizes: few of them, little for a segment of a few rows, and
// small enough that ReleaseSpare gives back nearly all that was too much.
constexpr size_t kLeastBlock = size_t{16} << 10;
constexpr size_t kMostBlock = size_t{256} << 10;
constexpr size_t kAlignment = 8;

constexpr uint32_t kFirstCapacity = 2;
constexpr uint32_t kMaxCapacity = 16;

constexpr size_t kFirstTable = 256;

constexpr size_t kSumsBytes = 256 * sizeof(uint64_t);
// Take is never asked for more at once: a chunk of sums; terms and chunks of postings are smaller.
constexpr size_t kMaxPiece = kSumsBytes;

constexpr size_t Aligned(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

uint64_t HashOf(std::string_view term) { return XXH3_64bits(term.data(), term.size()); }

// The slots of a table for so many terms: at most half of them are taken.
constexpr size_t TableFor(size_t terms) {
  size_t slots = kFirstTable;
  while (slots < 2 * terms) slots *= 2;
  return slots;
}

}  // namespace

// So many postings after each other in memory, then the next ones.
struct GrowingTerms::Chunk {
  uint32_t capacity;
  // Stored with release after its chunk is made.
  std::atomic<Chunk*> next = nullptr;

  Posting* postings() { return reinterpret_cast<Posting*>(this + 1); }
  const Posting* postings() const { return reinterpret_cast<const Posting*>(this + 1); }

  static constexpr size_t Bytes(uint32_t capacity) {
    return Aligned(sizeof(Chunk) + capacity * sizeof(Posting));
  }
};

struct GrowingTerms::Term {
  uint64_t hash;
  uint32_t size;  // of the bytes after this struct
  // Stored with release after a posting was written: so many may be read.
  std::atomic<uint32_t> count = 0;
  Chunk* first = nullptr;

  // The writer's alone.
  Chunk* last = nullptr;
  uint32_t last_size = 0;

  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }

  static constexpr size_t Bytes(size_t size) { return Aligned(sizeof(Term) + size); }
};

// Open addressing, linear probing.
struct GrowingTerms::Table {
  size_t mask;  // slots - 1, a power of two

  // Stored with release after the term is made, its first posting excepted.
  std::atomic<Term*>* slots() { return reinterpret_cast<std::atomic<Term*>*>(this + 1); }
  const std::atomic<Term*>* slots() const {
    return reinterpret_cast<const std::atomic<Term*>*>(this + 1);
  }

  static constexpr size_t Bytes(size_t slots) {
    return sizeof(Table) + slots * sizeof(std::atomic<Term*>);
  }
  static constexpr size_t SlotsIn(size_t bytes) {
    return (bytes - sizeof(Table)) / sizeof(std::atomic<Term*>);
  }
};

GrowingTerms::GrowingTerms() = default;
GrowingTerms::~GrowingTerms() = default;  // nothing in the arena has a destructor

// As if every term of every row were new, or needed a chunk of its own: whichever takes more.
void TermNeeds::Add(const RowTerms& row) {
  ++rows;
  terms += row.size();
  for (size_t i = 0; i < row.size(); ++i) bytes += GrowingTerms::MostBytesOf(row.term(i));
}

void TermNeeds::Add(const TermNeeds& other) {
  rows += other.rows;
  terms += other.terms;
  bytes += other.bytes;
}

size_t GrowingTerms::MostBytesOf(std::string_view term) {
  return std::max(Term::Bytes(term.size()) + Chunk::Bytes(kFirstCapacity),
                  Chunk::Bytes(kMaxCapacity));
}

struct GrowingTerms::Needs {
  size_t full_blocks = 0;  // of kMostBlock
  size_t last_block = 0;   // bytes of one more
  // Of further tables, in slots: the first, and the last, each twice as large as the one before;
  // none if the first is larger.
  size_t first_table = 0;
  size_t last_table = 0;

  size_t bytes() const {
    size_t bytes = full_blocks * kMostBlock + last_block;
    for (size_t slots = first_table; slots <= last_table; slots *= 2) bytes += Table::Bytes(slots);
    return bytes;
  }
};

GrowingTerms::Needs GrowingTerms::NeedsOf(const TermNeeds& rows) const {
  const size_t bytes = rows.bytes + (rows.rows / kSumsPerChunk + 1) * kSumsBytes;
  // What Take leaves at the end of a room is less than the largest piece it takes.
  size_t free = room_.size;
  for (const Room& room : spare_) free += room.size - kMaxPiece;
  Needs needs;
  if (bytes > free) {
    needs.full_blocks = (bytes - free) / (kMostBlock - kMaxPiece);
    const size_t rest = (bytes - free) % (kMostBlock - kMaxPiece);
    if (rest > 0) needs.last_block = std::max(rest + kMaxPiece, kLeastBlock);
  }
  const Table* table = table_.load(std::memory_order_relaxed);
  size_t largest = table == nullptr ? kFirstTable / 2 : table->mask + 1;
  if (!spare_tables_.empty()) largest = Table::SlotsIn(spare_tables_.back().size);
  needs.first_table = 2 * largest;
  needs.last_table = TableFor(terms_ + rows.terms);
  return needs;
}

size_t GrowingTerms::BytesToReserve(const TermNeeds& rows) const { return NeedsOf(rows).bytes(); }

absl::StatusOr<GrowingTerms::Room> GrowingTerms::Allocate(size_t bytes) {
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[bytes]);
  if (memory == nullptr) {
    return Error(absl::StatusCode::kResourceExhausted, reason::kMemoryBudget,
                 "terms: no memory of {} bytes for new rows", bytes);
  }
  const Room room = {memory.get(), bytes};
  memory_bytes_ += bytes;
  arena_.push_back({std::move(memory), bytes});
  return room;
}

absl::Status GrowingTerms::Reserve(const TermNeeds& rows) {
  KITH_CHECK(rows.rows <= kMaxRows - size_, "the caller seals before");
  const Needs needs = NeedsOf(rows);
  for (size_t i = 0; i <= needs.full_blocks; ++i) {
    const size_t size = i < needs.full_blocks ? kMostBlock : needs.last_block;
    if (size == 0) continue;
    KITH_ASSIGN_OR_RETURN(const Room room, Allocate(size));
    spare_.push_back(room);
  }
  for (size_t slots = needs.first_table; slots <= needs.last_table; slots *= 2) {
    KITH_ASSIGN_OR_RETURN(const Room room, Allocate(Table::Bytes(slots)));
    spare_tables_.push_back(room);
  }
  return absl::OkStatus();
}

void GrowingTerms::ReleaseSpare() {
  // No reader has been told of them: nothing was taken from either.
  spare_.insert(spare_.end(), spare_tables_.begin(), spare_tables_.end());
  spare_tables_.clear();
  for (const Room& room : spare_) {
    const auto block = std::find_if(arena_.begin(), arena_.end(),
                                    [&](const Block& b) { return b.bytes.get() == room.begin; });
    memory_bytes_ -= block->size;
    arena_.erase(block);
  }
  spare_.clear();
}

std::byte* GrowingTerms::Take(size_t bytes) {
  while (room_.size < bytes) {
    KITH_CHECK(!spare_.empty(), "Reserve took enough for the rows it was told of");
    room_ = spare_.front();
    spare_.pop_front();
  }
  std::byte* taken = room_.begin;
  room_.begin += bytes;
  room_.size -= bytes;
  return taken;
}

void GrowingTerms::Append(const RowTerms& row) {
  KITH_CHECK(size_ < kMaxRows, "the caller seals before");
  uint64_t*& sums = length_sums_[size_ / kSumsPerChunk];
  if (sums == nullptr) {
    sums = reinterpret_cast<uint64_t*>(Take(kSumsBytes));
  }
  sums[size_ % kSumsPerChunk] = total_length(size_) + row.length();

  const Table* table = table_.load(std::memory_order_relaxed);
  const size_t slots = TableFor(terms_ + row.size());
  if (table == nullptr || slots > table->mask + 1) ReplaceTable(slots);
  for (size_t i = 0; i < row.size(); ++i) {
    const uint64_t hash = HashOf(row.term(i));
    // The writer is the one who may change what it finds.
    Term* term = const_cast<Term*>(FindTerm(row.term(i), hash));
    if (term == nullptr) term = InsertTerm(row.term(i), hash);
    AppendPosting(*term, {.slot = size_, .tf = row.count(i)});
  }
  ++size_;
}

void GrowingTerms::ReplaceTable(size_t slots) {
  // Those that a row with many terms makes needless serve as room for terms.
  while (!spare_tables_.empty() && Table::SlotsIn(spare_tables_.front().size) < slots) {
    spare_.push_back(spare_tables_.front());
    spare_tables_.pop_front();
  }
  KITH_CHECK(!spare_tables_.empty(), "Reserve took a table for the rows it was told of");
  auto* table = new (spare_tables_.front().begin) Table{.mask = slots - 1};
  spare_tables_.pop_front();
  for (size_t i = 0; i < slots; ++i) new (table->slots() + i) std::atomic<Term*>(nullptr);
  if (const Table* old = table_.load(std::memory_order_relaxed); old != nullptr) {
    for (size_t i = 0; i <= old->mask; ++i) {
      Term* term = old->slots()[i].load(std::memory_order_relaxed);
      if (term == nullptr) continue;
      size_t at = term->hash & table->mask;
      while (table->slots()[at].load(std::memory_order_relaxed) != nullptr) {
        at = (at + 1) & table->mask;
      }
      table->slots()[at].store(term, std::memory_order_relaxed);
    }
  }
  table_.store(table, std::memory_order_release);
}

const GrowingTerms::Term* GrowingTerms::FindTerm(std::string_view term, uint64_t hash) const {
  const Table* table = table_.load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  for (size_t at = hash & table->mask;; at = (at + 1) & table->mask) {
    const Term* found = table->slots()[at].load(std::memory_order_acquire);
    if (found == nullptr) return nullptr;
    if (found->hash == hash && found->text() == term) return found;
  }
}

GrowingTerms::Term* GrowingTerms::InsertTerm(std::string_view text, uint64_t hash) {
  auto* term = new (Take(Term::Bytes(text.size())))
      Term{.hash = hash, .size = static_cast<uint32_t>(text.size())};
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(term + 1));
  term->first = term->last =
      new (Take(Chunk::Bytes(kFirstCapacity))) Chunk{.capacity = kFirstCapacity};
  Table* table = table_.load(std::memory_order_relaxed);
  size_t at = hash & table->mask;
  while (table->slots()[at].load(std::memory_order_relaxed) != nullptr) at = (at + 1) & table->mask;
  table->slots()[at].store(term, std::memory_order_release);
  ++terms_;
  return term;
}

void GrowingTerms::AppendPosting(Term& term, Posting posting) {
  if (term.last_size == term.last->capacity) {
    const uint32_t capacity = std::min(2 * term.last->capacity, kMaxCapacity);
    auto* chunk = new (Take(Chunk::Bytes(capacity))) Chunk{.capacity = capacity};
    term.last->next.store(chunk, std::memory_order_release);
    term.last = chunk;
    term.last_size = 0;
  }
  new (term.last->postings() + term.last_size++) Posting(posting);
  term.count.store(term.count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void GrowingTerms::Read(const Term& term, uint32_t visible, std::vector<Posting>& postings) {
  uint32_t left = term.count.load(std::memory_order_acquire);
  const Chunk* chunk = term.first;
  while (left > 0) {
    const uint32_t size = std::min(left, chunk->capacity);
    const Posting* begin = chunk->postings();
    const Posting* end = begin + size;
    if (end[-1].slot >= visible) {
      end = std::lower_bound(begin, end, visible,
                             [](const Posting& p, uint32_t slot) { return p.slot < slot; });
      postings.insert(postings.end(), begin, end);
      return;
    }
    postings.insert(postings.end(), begin, end);
    left -= size;
    if (left > 0) chunk = chunk->next.load(std::memory_order_acquire);
  }
}

uint64_t GrowingTerms::total_length(uint32_t visible) const {
  if (visible == 0) return 0;
  return length_sums_[(visible - 1) / kSumsPerChunk][(visible - 1) % kSumsPerChunk];
}

uint32_t GrowingTerms::length(uint32_t slot) const {
  return static_cast<uint32_t>(total_length(slot + 1) - total_length(slot));
}

void GrowingTerms::Find(std::string_view term, uint32_t visible,
                        std::vector<Posting>& postings) const {
  const Term* found = FindTerm(term, HashOf(term));
  if (found != nullptr) Read(*found, visible, postings);
}

void GrowingTerms::ForEachTerm(
    uint32_t visible,
    absl::FunctionRef<void(std::string_view, std::span<const Posting>)> visit) const {
  const Table* table = table_.load(std::memory_order_acquire);
  if (table == nullptr) return;
  std::vector<Posting> postings;
  for (size_t i = 0; i <= table->mask; ++i) {
    const Term* term = table->slots()[i].load(std::memory_order_acquire);
    if (term == nullptr) continue;
    postings.clear();
    Read(*term, visible, postings);
    if (!postings.empty()) visit(term->text(), postings);
  }
}

}  // namespace kith::index
