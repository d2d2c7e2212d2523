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

  // Documents "<first>".."<first + count - 1>" get new vectors, in batches; ledger and collection
  // alike.
  void Write(Collection& collection, int first, int count);
  void Remove(Collection& collection, int first, int count);

  // Begins the work and waits for its end.
  Operation Finish(const absl::StatusOr<Operation>& begun);
  void Seal(Collection& collection);
  void Merge(Collection& collection);

  // The collection holds what the ledger says: exact searches equal brute force, searches by graph
  // find their share of it, every count agrees.
  void ExpectLedger(Collection& collection);

  // A search that waits for repairs of the index: they end by themselves.
  absl::StatusOr<SearchAnswer> SearchRepaired(Collection& collection, const SearchRequest& request);

  std::vector<float> Vector();
  // Files of segments with this ending, sorted.
  std::vector<std::filesystem::path> Files(std::string_view ending) const;
  // Events that hold `part`.
  int Events(std::string_view part) const ABSL_LOCKS_EXCLUDED(mu);

  const uint64_t seed;
  std::mt19937_64 random;
  std::map<std::string, std::vector<float>> ledger;

  mutable absl::Mutex mu;
  std::vector<std::string> events ABSL_GUARDED_BY(mu);
};

}  // namespace kith::engine

#endif  // KITH_TESTS_SERVER_ENGINE_INDEXING_FIXTURE_H_
