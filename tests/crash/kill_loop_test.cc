// kill -9 in the middle of writing, again and again: what was acknowledged is there, what was
// refused is not, and nothing is there by halves. The ledger of what was acknowledged is kept by
// the writers.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "client/cpp/client.h"
#include "gtest/gtest.h"
#include "kith/v1/document_service.pb.h"
#include "kith/v1/search_service.pb.h"
#include "tests/support/kithd_process.h"
#include "tests/support/temp_folder.h"

namespace kith {
namespace {

constexpr int kRounds = 20;
constexpr int kWriters = 3;
constexpr int kIdsPerWriter = 30;
constexpr int kBatch = 4;
constexpr char kCollection[] = "ledger";

// What a document should be: its generation, or nothing if it was deleted or never written.
using State = std::optional<int>;

std::string TextOf(const std::string& id, int generation) {
  std::string text = id + " of generation " + std::to_string(generation) + ".";
  // Several passages, so that a document by halves would show.
  for (int i = 0; i < 3; ++i)
    text += " Sentence " + std::to_string(i) + " says that cats like fish and warm places.";
  return text;
}

// A write whose answer never came: all of it, or nothing.
struct Pending {
  std::vector<std::string> ids;
  State state;
};

// One thread with ids of its own: it knows what each of them must be.
class Writer {
 public:
  Writer(int number, uint32_t seed) : number_(number), random_(seed) {}

  // Writes until an answer fails to come.
  void Run(client::Client& client) {
    while (!pending_) {
      const bool deletes = random_() % 5 == 0;
      Pending write;
      write.state = deletes ? State() : State(++generation_);
      const int first = static_cast<int>(random_() % kIdsPerWriter);
      for (int i = 0; i < kBatch; ++i) {
        write.ids.push_back("w" + std::to_string(number_) + "-" +
                            std::to_string((first + i * 7) % kIdsPerWriter));
      }
      if (deletes ? SendDelete(client, write) : SendUpsert(client, write)) {
        for (const std::string& id : write.ids) acknowledged_[id] = write.state;
        ++acknowledged_writes_;
      } else {
        pending_ = std::move(write);
      }
    }
  }

  // Compares with what is there, and takes over which of the two ways the pending write went.
  void Check(const std::map<std::string, int>& stored) {
    const auto now = [&](const std::string& id) {
      const auto found = stored.find(id);
      return found == stored.end() ? State() : State(found->second);
    };
    bool applied = false;
    if (pending_) {
      for (const std::string& id : pending_->ids) applied = applied || now(id) != acknowledged_[id];
      if (applied) {
        for (const std::string& id : pending_->ids) acknowledged_[id] = pending_->state;
      }
      pending_.reset();
    }
    for (const auto& [id, state] : acknowledged_) {
      EXPECT_EQ(now(id).value_or(-1), state.value_or(-1))
          << id << (applied ? " (pending write applied)" : "");
    }
  }

  int acknowledged_writes() const { return acknowledged_writes_; }

 private:
  static bool SendUpsert(client::Client& client, const Pending& write) {
    v1::UpsertDocumentsRequest request;
    request.set_collection(kCollection);
    for (const std::string& id : write.ids) {
      v1::DocumentInput* document = request.add_documents();
      document->set_id(id);
      document->set_text(TextOf(id, *write.state));
      (*document->mutable_metadata())["generation"].set_int_value(*write.state);
    }
    return client.UpsertDocuments(request).ok();
  }
  static bool SendDelete(client::Client& client, const Pending& write) {
    v1::DeleteDocumentsRequest request;
    request.set_collection(kCollection);
    for (const std::string& id : write.ids) request.add_deletes()->set_id(id);
    return client.DeleteDocuments(request).ok();
  }

  const int number_;
  std::mt19937 random_;
  int generation_ = 0;
  int acknowledged_writes_ = 0;
  std::map<std::string, State> acknowledged_;
  std::optional<Pending> pending_;
};

// With an index that has no time to be built, and with one that is sealed and merged all the time:
// then most kills come while files and manifests are written.
struct IndexWork {
  const char* name;
  std::vector<std::string> options;
};
const IndexWork kIndexWorks[] = {
    {"AsItIs", {}},
    {"ForcedSmall", {"--index-seal-rows=16", "--index-merge-factor=2", "--index-idle=1s"}},
};

class KillLoopTest : public testing::TestWithParam<IndexWork> {
 protected:
  std::unique_ptr<client::Client> Connect(const std::string& address) {
    client::ClientOptions options;
    options.retry.max_attempts = 1;  // an answer that does not come is what this test is about
    auto connected = client::Client::Connect(address, options);
    EXPECT_TRUE(connected.ok()) << connected.status();
    return *std::move(connected);
  }

  std::unique_ptr<KithdProcess> Start(std::string* address) {
    std::vector<std::string> options = {"--grpc-address=127.0.0.1:0", "--threads=2",
                                        "--memory-budget=512MiB",
                                        "--data-dir=" + (folder_.path() / "data").string(),
                                        "--model-dir=" KITH_TEST_DATA "/encoder/tiny-bert-mean"};
    options.insert(options.end(), GetParam().options.begin(), GetParam().options.end());
    auto kithd = std::make_unique<KithdProcess>(folder_.path() / "kithd.log", options);
    *address = kithd->WaitUntilServing();
    EXPECT_NE(*address, "") << kithd->output();
    return kithd;
  }

  // Every stored document's generation, after checking that its parts belong together.
  static std::map<std::string, int> ReadAll(client::Client& client) {
    std::map<std::string, int> stored;
    v1::ListDocumentsRequest request;
    request.set_collection(kCollection);
    request.mutable_select()->set_text(true);
    request.mutable_select()->set_metadata(true);
    request.mutable_select()->set_passages(true);
    request.mutable_select()->set_vectors(true);
    do {
      const auto page = client.ListDocuments(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return stored;
      for (const v1::Document& document : page->documents()) {
        const int generation = static_cast<int>(document.metadata().at("generation").int_value());
        EXPECT_EQ(document.text(), TextOf(document.id(), generation));
        EXPECT_GT(document.passages_size(), 0);
        EXPECT_EQ(document.passages_size(), document.vectors_size());
        stored[document.id()] = generation;
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return stored;
  }

  // Every hit of an exhaustive search is a stored document, and every stored document is found.
  static void CheckSearch(client::Client& client, const std::map<std::string, int>& stored) {
    v1::SearchRequest request;
    request.set_collection(kCollection);
    request.mutable_query()->set_text("cats and fish");
    request.set_limit(10'000);
    request.set_group_by(v1::GROUP_BY_DOCUMENT);
    const auto found = client.Search(request);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(static_cast<size_t>(found->hits_size()), stored.size());
    for (const v1::SearchHit& hit : found->hits()) {
      const auto document = stored.find(hit.document_id());
      ASSERT_NE(document, stored.end()) << hit.document_id();
      EXPECT_EQ(hit.metadata().at("generation").int_value(), document->second);
    }
  }

  // Finished files of segments.
  size_t SegmentFiles() const {
    size_t files = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_.path() / "data" / "segments")) {
      files += entry.path().extension() == ".graph";
    }
    return files;
  }

  TempFolder folder_;
};

TEST_P(KillLoopTest, NothingAcknowledgedIsLostAndNothingIsThereByHalves) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<Writer> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back(i, random());

  std::string address;
  auto kithd = Start(&address);
  {
    v1::CreateCollectionRequest create;
    create.mutable_collection()->set_name(kCollection);
    create.mutable_collection()->mutable_options()->mutable_splitter()->set_max_tokens(24);
    create.mutable_collection()->mutable_options()->mutable_splitter()->set_overlap_tokens(0);
    const auto created = Connect(address)->CreateCollection(create);
    ASSERT_TRUE(created.ok()) << created.status();
  }
  size_t segments_found = 0;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    auto client = Connect(address);
    std::vector<std::thread> threads;
    for (Writer& writer : writers) threads.emplace_back([&] { writer.Run(*client); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 300));
    kithd->Signal(SIGKILL);
    kithd->Wait();
    for (std::thread& thread : threads) thread.join();

    segments_found += SegmentFiles();
    kithd = Start(&address);
    // A kill damages no file that a manifest names.
    EXPECT_EQ(kithd->output().find("cannot be used"), std::string::npos) << kithd->output();
    client = Connect(address);
    const std::map<std::string, int> stored = ReadAll(*client);
    for (Writer& writer : writers) writer.Check(stored);
    CheckSearch(*client, stored);
  }
  int acknowledged = 0;
  for (const Writer& writer : writers) acknowledged += writer.acknowledged_writes();
  EXPECT_GT(acknowledged, kRounds) << "the server was killed before it did anything";
  std::cout << acknowledged << " writes acknowledged over " << kRounds << " kills, "
            << segments_found << " segments found at restarts\n";
  if (!GetParam().options.empty()) {
    EXPECT_GT(segments_found, 0U) << "nothing was ever sealed";
  }
}

INSTANTIATE_TEST_SUITE_P(Index, KillLoopTest, testing::ValuesIn(kIndexWorks),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace kith
