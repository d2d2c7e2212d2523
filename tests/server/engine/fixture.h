// A Database in a folder of its own, and calls of it that wait: so that a test reads as a story.

#ifndef KITH_TESTS_SERVER_ENGINE_FIXTURE_H_
#define KITH_TESTS_SERVER_ENGINE_FIXTURE_H_

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kith/base/call.h"
#include "kith/base/check.h"
#include "kith/base/error.h"
#include "server/engine/collection.h"
#include "server/engine/database.h"
#include "server/engine/read_view.h"
#include "tests/support/temp_folder.h"

namespace kith::engine {

// A status with this code and reason.
MATCHER_P2(FailsWith, code, reason, "") {
  const absl::Status& status = arg;
  *result_listener << status.ToString();
  return status.code() == code && DetailsOf(status).reason == reason;
}

std::shared_ptr<const Call> NoDeadline();

// Calls of a collection that wait for their answers.
absl::StatusOr<UpsertAnswer> Upsert(Collection& collection, UpsertRequest request);
absl::StatusOr<UpsertAnswer> Upsert(Collection& collection, std::vector<DocumentInput> documents);
absl::StatusOr<DeleteAnswer> Delete(Collection& collection, DeleteRequest request);
absl::StatusOr<DeleteAnswer> Delete(Collection& collection, const std::vector<std::string>& ids);
absl::StatusOr<UpdateMetadataAnswer> UpdateMetadata(Collection& collection,
                                                    UpdateMetadataRequest request);
absl::StatusOr<UpdateMetadataAnswer> UpdateMetadata(Collection& collection,
                                                    std::vector<MetadataChange> updates);
absl::StatusOr<SearchAnswer> Search(Collection& collection, SearchRequest request,
                                    std::optional<CommitToken> at_least = std::nullopt);
absl::StatusOr<ReadView> Read(Collection& collection,
                              std::optional<CommitToken> at_least = std::nullopt);

DocumentInput Text(std::string id, std::string text, Metadata metadata = {});
DocumentInput Vec(std::string id, std::vector<float> values, Metadata metadata = {});
std::vector<std::string> Ids(const SearchAnswer& answer);

class DatabaseTest : public testing::Test {
 protected:
  // Opens the database in the test's folder; a fatal failure if it does not open.
  void Open();
  void Reopen() {
    database.reset();
    Open();
  }
  std::shared_ptr<Collection> Create(const CollectionSpec& spec);
  // Of vectors, two values each unless said otherwise.
  std::shared_ptr<Collection> CreateVectors(const std::string& name, uint32_t dimension = 2,
                                            Metric metric = Metric::kL2);
  std::shared_ptr<Collection> CreateTexts(const std::string& name);
  std::shared_ptr<Collection> Find(const std::string& name);

  TempFolder folder;
  DatabaseOptions options;
  std::unique_ptr<Database> database;
};

}  // namespace kith::engine

#endif  // KITH_TESTS_SERVER_ENGINE_FIXTURE_H_
