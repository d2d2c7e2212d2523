// A collection of vectors beside a ledger of what it should hold, with an index that is forced into
// many small segments.

#ifndef KITH_TESTS_SERVER_ENGINE_INDEXING_FIXTURE_H_
#define KITH_TESTS_SERVER_ENGINE_INDEXING_FIXTURE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "fixture.h"

namespace kith::engine {

class IndexingTest : public DatabaseTest {
 protected:
  static constexpr uint32_t kDimension = 12;

  IndexingTest();
  ~IndexingTest() override { database.reset(); }  // its events come here

  // Documents "<first>".."<first + count - 1>" get new vectors and metadata, in batches; ledger and
  // collection alike.
  void Write(Collection& collection, int first, int count);
  // Those of them that are there get other metadata.
  void Change(Collection& collection, int first, int count);
  void Remove(Collection& collection, int first, int count);

  // Begins the work and waits for its end.
  Operation Finish(const absl::StatusOr<Operation>& begun);
  void Seal(Collection& collection);
  void Merge(Collection& collection);

  // The collection holds what the ledger says: exact searches equal brute force, searches by graph
  // find their share of it, every count agrees, and so does the metadata.
  void ExpectLedger(Collection& collection);
  // The metadata that the index has of every live row, and the text's words in number, are those of
  // its document as storage has it, and metadata is the ledger's.
  void ExpectCompanions(Collection& collection);

  // A search that waits for repairs of the index: they end by themselves.
  absl::StatusOr<SearchAnswer> SearchRepaired(Collection& collection, const SearchRequest& request);

  std::vector<float> Vector();
  Metadata RandomMetadata();
  // Files of segments with this ending, sorted.
  std::vector<std::filesystem::path> Files(std::string_view ending) const;
  // Events that hold `part`.
  int Events(std::string_view part) const ABSL_LOCKS_EXCLUDED(mu);
  // Returns when there are `count` of them.
  void AwaitEvents(const std::string& part, int count) const ABSL_LOCKS_EXCLUDED(mu);

  int CountEvents(std::string_view part) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  const uint64_t seed;
  std::mt19937_64 random;
  std::map<std::string, std::vector<float>> ledger;
  std::map<std::string, Metadata> metadata;  // of the documents in the ledger

  mutable absl::Mutex mu;
  std::vector<std::string> events ABSL_GUARDED_BY(mu);
};

}  // namespace kith::engine

#endif  // KITH_TESTS_SERVER_ENGINE_INDEXING_FIXTURE_H_
