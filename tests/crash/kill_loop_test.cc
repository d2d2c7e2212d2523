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
#include "kith/v1/admin_service.pb.h"
#include "kith/v1/collection_service.pb.h"
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

// What a document should be: its generation, and the last change of its metadata alone (0: none
// since). Nothing if it was deleted or never written.
struct Written {
  int generation = 0;
  int change = 0;
  friend bool operator==(const Written&, const Written&) = default;
};
using State = std::optional<Written>;

void PrintTo(const Written& written, std::ostream* out) {
  *out << "generation " << written.generation << ", change " << written.change;
}

std::string TextOf(const std::string& id, int generation) {
  std::string text = id + " of generation " + std::to_string(generation) + ".";
  // Several passages, so that a document by halves would show.
  for (int i = 0; i < 3; ++i)
    text += " Sentence " + std::to_string(i) + " says that cats like fish and warm places.";
  return text;
}

// A write whose answer never came: all of it, or nothing.
struct Pending {
  enum class Kind { kUpsert, kDelete, kUpdate };
  Kind kind = Kind::kUpsert;
  std::vector<std::string> ids;
  int number = 0;  // the generation, or the change

  // What it makes of a document.
  State Applied(const State& before) const {
    if (kind == Kind::kUpsert) return Written{number, 0};
    if (kind == Kind::kDelete || !before) return std::nullopt;
    return Written{before->generation, number};
  }
};

// One thread with ids of its own: it knows what each of them must be.
class Writer {
 public:
  Writer(int number, uint32_t seed) : number_(number), random_(seed) {}

  // Writes until an answer fails to come.
  void Run(client::Client& client) {
    while (!pending_) {
      const auto dice = random_() % 10;
      Pending write;
      write.kind = dice < 2   ? Pending::Kind::kDelete
                   : dice < 6 ? Pending::Kind::kUpdate
                              : Pending::Kind::kUpsert;
      write.number = ++number_of_write_;
      const int first = static_cast<int>(random_() % kIdsPerWriter);
      for (int i = 0; i < kBatch; ++i) {
        write.ids.push_back("w" + std::to_string(number_) + "-" +
                            std::to_string((first + i * 7) % kIdsPerWriter));
      }
      if (Send(client, write)) {
        Apply(write);
        ++acknowledged_writes_;
      } else {
        pending_ = std::move(write);
      }
    }
  }

  // Compares with what is there, and takes over which of the two ways the pending write went.
  void Check(const std::map<std::string, Written>& stored) {
    const auto now = [&](const std::string& id) {
      const auto found = stored.find(id);
      return found == stored.end() ? State() : State(found->second);
    };
    bool applied = false;
    if (pending_) {
      for (const std::string& id : pending_->ids) applied = applied || now(id) != acknowledged_[id];
      if (applied) Apply(*pending_);
      pending_.reset();
    }
    for (const auto& [id, state] : acknowledged_) {
      EXPECT_EQ(now(id), state) << id << (applied ? " (pending write applied)" : "");
    }
  }

  int acknowledged_writes() const { return acknowledged_writes_; }

 private:
  void Apply(const Pending& write) {
    for (const std::string& id : write.ids) acknowledged_[id] = write.Applied(acknowledged_[id]);
  }

  static bool Send(client::Client& client, const Pending& write) {
    switch (write.kind) {
      case Pending::Kind::kUpsert:
        return SendUpsert(client, write);
      case Pending::Kind::kDelete:
        return SendDelete(client, write);
      case Pending::Kind::kUpdate:
        return SendUpdate(client, write);
    }
    return false;
  }
  static bool SendUpsert(client::Client& client, const Pending& write) {
    v1::UpsertDocumentsRequest request;
    request.set_collection(kCollection);
    for (const std::string& id : write.ids) {
      v1::DocumentInput* document = request.add_documents();
      document->set_id(id);
      document->set_text(TextOf(id, write.number));
      (*document->mutable_metadata())["generation"].set_int_value(write.number);
    }
    return client.UpsertDocuments(request).ok();
  }
  static bool SendUpdate(client::Client& client, const Pending& write) {
    v1::UpdateMetadataRequest request;
    request.set_collection(kCollection);
    for (const std::string& id : write.ids) {
      v1::MetadataUpdate* update = request.add_updates();
      update->set_id(id);
      (*update->mutable_set())["change"].set_int_value(write.number);
    }
    return client.UpdateMetadata(request).ok();
  }
  static bool SendDelete(client::Client& client, const Pending& write) {
    v1::DeleteDocumentsRequest request;
    request.set_collection(kCollection);
    for (const std::string& id : write.ids) request.add_deletes()->set_id(id);
    return client.DeleteDocuments(request).ok();
  }

  const int number_;
  std::mt19937 random_;
  int number_of_write_ = 0;
  int acknowledged_writes_ = 0;
  std::map<std::string, State> acknowledged_;
  std::optional<Pending> pending_;
};

// With an index that has no time to be built, and with one that is sealed and merged all the time:
// then most kills come while files and manifests are written.
// In the last one the collection gets one encoder after the other all the time, too: then kills
// come while there are two vector spaces, and while there begin or cease to be two.
struct IndexWork {
  const char* name;
  std::vector<std::string> options;
  bool reembeds = false;
};
const IndexWork kIndexWorks[] = {
    {"AsItIs", {}},
    {"ForcedSmall", {"--index-seal-rows=16", "--index-merge-factor=2", "--index-idle=1s"}},
    {"Reembedding", {"--index-seal-rows=16", "--index-merge-factor=2", "--index-idle=1s"}, true},
};
constexpr const char* kEncoders[] = {"tiny-bert-mean", "tiny-distilbert-mean"};

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
    std::vector<std::string> options = {
        "--grpc-address=127.0.0.1:0", "--threads=2", "--memory-budget=512MiB",
        "--data-dir=" + (folder_.path() / "data").string(),
        std::string("--model-dir=" KITH_TEST_DATA "/encoder/") + default_encoder_};
    options.insert(options.end(), GetParam().options.begin(), GetParam().options.end());
    auto kithd = std::make_unique<KithdProcess>(folder_.path() / "kithd.log", options);
    *address = kithd->WaitUntilServing();
    EXPECT_NE(*address, "") << kithd->output();
    return kithd;
  }

  static Written WrittenOf(const google::protobuf::Map<std::string, v1::Value>& metadata) {
    Written written;
    written.generation = static_cast<int>(metadata.at("generation").int_value());
    if (const auto change = metadata.find("change"); change != metadata.end()) {
      written.change = static_cast<int>(change->second.int_value());
    }
    return written;
  }

  // What was written of every stored document, after checking that its parts belong together.
  static std::map<std::string, Written> ReadAll(client::Client& client) {
    std::map<std::string, Written> stored;
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
        const Written written = WrittenOf(document.metadata());
        EXPECT_EQ(document.text(), TextOf(document.id(), written.generation));
        EXPECT_GT(document.passages_size(), 0);
        EXPECT_EQ(document.passages_size(), document.vectors_size());
        stored[document.id()] = written;
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return stored;
  }

  // Every hit of an exhaustive search is a stored document, and every stored document is found.
  static void CheckSearch(client::Client& client, const std::map<std::string, Written>& stored) {
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
      EXPECT_EQ(WrittenOf(hit.metadata()), document->second);
    }
  }

  // What the index has of the metadata is what the documents have: loaded, replayed or updated
  // since.
  static void CheckFilters(client::Client& client, const std::map<std::string, Written>& stored) {
    std::map<int, uint64_t> documents;  // by their last change
    for (const auto& [id, written] : stored) ++documents[written.change];
    const auto count = [&](const std::string& filter) -> uint64_t {
      v1::CountDocumentsRequest request;
      request.set_collection(kCollection);
      request.set_filter(filter);
      const auto counted = client.CountDocuments(request);
      EXPECT_TRUE(counted.ok()) << counted.status();
      return counted.ok() ? counted->count() : 0;
    };
    EXPECT_EQ(count("generation > 0"), stored.size());
    EXPECT_EQ(count("NOT change > 0"), documents[0]);
    for (const auto& [change, expected] : documents) {
      if (change > 0) {
        EXPECT_EQ(count("change = " + std::to_string(change)), expected);
      }
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

  // The text of a passage finds it, with the score of the same text: what is searched was made by
  // the encoder that the query is encoded by.
  static void CheckEncoder(client::Client& client, const std::map<std::string, Written>& stored) {
    if (stored.empty()) return;
    v1::SearchRequest request;
    request.set_collection(kCollection);
    request.set_limit(1);
    request.mutable_select()->set_text(true);
    request.mutable_query()->set_text("cats and fish");
    const auto some = client.Search(request);
    ASSERT_TRUE(some.ok()) << some.status();
    ASSERT_EQ(some->hits_size(), 1);
    request.mutable_query()->set_text(some->hits(0).text());
    const auto same = client.Search(request);
    ASSERT_TRUE(same.ok()) << same.status();
    ASSERT_EQ(same->hits_size(), 1);
    EXPECT_NEAR(same->hits(0).score(), 1, 1e-3) << same->hits(0).text();
  }

  static v1::Collection Get(client::Client& client) {
    v1::GetCollectionRequest request;
    request.set_name(kCollection);
    const auto got = client.GetCollection(request);
    return got.ok() ? got->collection() : v1::Collection();
  }

  // The next step of a change of the encoder, or back from it. The answer may not come.
  static void StepReembedding(client::Client& client, std::mt19937& random) {
    const v1::Collection collection = Get(client);
    if (collection.vector_spaces().empty()) return;  // the server was killed
    const uint32_t dice = random() % 4;
    if (!collection.has_reembedding()) {
      v1::ReembedCollectionRequest request;
      request.set_name(kCollection);
      request.set_commit_at_cut_over(dice == 0);
      client.ReembedCollection(request).status().IgnoreError();  // by the default encoder
    } else if (collection.reembedding().state() == v1::REEMBEDDING_STATE_FILLING) {
      if (dice != 0) return;
      v1::CancelOperationRequest request;
      request.set_id(collection.reembedding().operation_id());
      client.CancelOperation(request).status().IgnoreError();
    } else if (dice < 2) {
      v1::CommitReembeddingRequest request;
      request.set_name(kCollection);
      client.CommitReembedding(request).status().IgnoreError();
    } else {
      v1::RollbackReembeddingRequest request;
      request.set_name(kCollection);
      client.RollbackReembedding(request).status().IgnoreError();
    }
  }

  // The other space of a collection that has two is as complete as the one that is searched: as
  // seen after the cut-over, if that is to come, and after the way back.
  void CheckOtherSpace(client::Client& client, const std::map<std::string, Written>& stored) {
    v1::Collection collection = Get(client);
    if (!collection.has_reembedding()) return;
    ++two_spaces_found_;
    if (collection.reembedding().state() == v1::REEMBEDDING_STATE_FILLING) {
      v1::WaitOperationRequest wait;
      wait.set_id(collection.reembedding().operation_id());
      const auto ended = client.WaitOperation(wait);
      ASSERT_TRUE(ended.ok()) << ended.status();
      EXPECT_EQ(ended->operation().state(), v1::OPERATION_STATE_SUCCEEDED)
          << ended->operation().error_message();
      CheckAll(client, stored);
      collection = Get(client);
      if (!collection.has_reembedding()) return;  // committed with the cut-over
    }
    v1::RollbackReembeddingRequest back;
    back.set_name(kCollection);
    const auto rolled_back = client.RollbackReembedding(back);
    ASSERT_TRUE(rolled_back.ok()) << rolled_back.status();
    CheckAll(client, stored);
  }

  void CheckAll(client::Client& client, const std::map<std::string, Written>& stored) {
    EXPECT_EQ(ReadAll(client), stored);
    CheckSearch(client, stored);
    CheckFilters(client, stored);
    CheckEncoder(client, stored);
  }

  TempFolder folder_;
  std::string default_encoder_ = kEncoders[0];
  int two_spaces_found_ = 0;
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
    for (int step = 0; step < 3 && GetParam().reembeds; ++step) {
      StepReembedding(*client, random);
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 300));
    kithd->Signal(SIGKILL);
    kithd->Wait();
    for (std::thread& thread : threads) thread.join();

    segments_found += SegmentFiles();
    // Those of the collection are in the data folder.
    if (GetParam().reembeds) default_encoder_ = kEncoders[random() % std::size(kEncoders)];
    kithd = Start(&address);
    // A kill damages no file that a manifest names.
    EXPECT_EQ(kithd->output().find("cannot be used"), std::string::npos) << kithd->output();
    client = Connect(address);
    const std::map<std::string, Written> stored = ReadAll(*client);
    for (Writer& writer : writers) writer.Check(stored);
    CheckAll(*client, stored);
    if (random() % 2 == 0) CheckOtherSpace(*client, stored);
  }
  int acknowledged = 0;
  for (const Writer& writer : writers) acknowledged += writer.acknowledged_writes();
  EXPECT_GT(acknowledged, kRounds) << "the server was killed before it did anything";
  std::cout << acknowledged << " writes acknowledged over " << kRounds << " kills, "
            << segments_found << " segments found at restarts, two spaces " << two_spaces_found_
            << " times\n";
  if (GetParam().reembeds) {
    EXPECT_GT(two_spaces_found_, 0) << "no kill came while there were two spaces";
  }
  if (!GetParam().options.empty()) {
    EXPECT_GT(segments_found, 0U) << "nothing was ever sealed";
  }
}

INSTANTIATE_TEST_SUITE_P(Index, KillLoopTest, testing::ValuesIn(kIndexWorks),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace kith
