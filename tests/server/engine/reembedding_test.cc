// A collection gets another encoder while it is written and read: two spaces that are both current,
// a cut-over, the ways back, and restarts in between.

#include <map>
#include <random>

#include "absl/synchronization/notification.h"
#include "fixture.h"
#include "index/metadata/filter.h"
#include "server/engine/shard.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr char kOld[] = "tiny-bert-mean";
constexpr char kNew[] = "tiny-distilbert-mean";

std::filesystem::path ModelDir(const std::string& name) {
  return std::filesystem::path(KITH_TEST_DATA) / "encoder" / name;
}

class ReembeddingTest : public DatabaseTest {
 protected:
  // A collection of the old encoder, on a server whose default encoder is the new one.
  std::shared_ptr<Collection> CreateOld() {
    options.indexing.seal_rows = 64;
    options.model_dir = ModelDir(kOld);
    CollectionSpec spec;
    spec.name = "articles";
    spec.options.splitter.max_tokens = 16;
    spec.options.splitter.overlap_tokens = 0;
    Create(spec);
    options.model_dir = ModelDir(kNew);
    Reopen();
    return Find("articles");
  }

  Operation Await(const absl::StatusOr<Operation>& begun) {
    EXPECT_TRUE(begun.ok()) << begun.status();
    return begun.ok() ? AwaitEnd(begun->id) : Operation();
  }
  Operation AwaitEnd(const std::string& id) {
    Operation ended;
    absl::Notification done;
    database->operations().Wait(id, Call::Clock::time_point::max(),
                                [&](absl::StatusOr<Operation> now) {
                                  if (now.ok()) ended = *now;
                                  done.Notify();
                                });
    done.WaitForNotification();
    return ended;
  }
  absl::StatusOr<Operation> Reembed(bool commit = false) {
    return database->ReembedCollection(
        "articles", {.encoder = kNew, .if_match = "", .commit_at_cut_over = commit},
        Call::Background());
  }
  CollectionInfo Info() { return database->GetCollection("articles").value(); }
  std::string Searched() { return Info().space.encoder; }

  // The vectors that a document has in the space that is searched.
  std::vector<std::vector<float>> Vectors(Collection& collection, const std::string& id) {
    auto view = Read(collection);
    EXPECT_TRUE(view.ok()) << view.status();
    auto got = view->Get({id}, {.vectors = true});
    EXPECT_TRUE(got.ok()) << got.status();
    if (!got.ok() || got->documents.empty()) return {};
    return got->documents[0].vectors;
  }

  using Documents = std::map<std::string, std::pair<std::string, Metadata>>;

  // The searched space has these documents, with the vectors that `encoder` makes of them: exactly
  // what a collection has that never knew another encoder.
  void ExpectSpace(Collection& collection, const std::string& encoder, const Documents& documents) {
    ASSERT_EQ(collection.info().space.encoder, encoder);
    CollectionSpec spec;
    spec.name = "oracle-" + std::to_string(++oracles);
    spec.encoder = encoder;
    spec.options = collection.info().options;
    auto oracle = Create(spec);
    for (const auto& [id, document] : documents) {
      ASSERT_TRUE(Upsert(*oracle, {Text(id, document.first, document.second)}).ok());
    }
    auto mine = Read(collection);
    auto truth = Read(*oracle);
    ASSERT_TRUE(mine.ok() && truth.ok());
    ASSERT_EQ(mine->count(), documents.size());
    const ListRequest all = {
        .limit = 1000,
        .select = {.text = true, .metadata = true, .passages = true, .vectors = true}};
    auto have = mine->List(all, Call::Background());
    auto want = truth->List(all, Call::Background());
    ASSERT_TRUE(have.ok()) << have.status();
    ASSERT_TRUE(want.ok()) << want.status();
    ASSERT_EQ(have->documents.size(), want->documents.size());
    uint64_t passages = 0;
    for (size_t i = 0; i < have->documents.size(); ++i) {
      const Document& a = have->documents[i];
      const Document& b = want->documents[i];
      EXPECT_EQ(a.id, b.id);
      EXPECT_EQ(a.text, b.text);
      EXPECT_EQ(a.metadata, b.metadata);
      ASSERT_EQ(a.passages.size(), b.passages.size()) << a.id;
      passages += a.passages.size();
      for (size_t p = 0; p < a.vectors.size(); ++p) {
        for (size_t d = 0; d < a.vectors[p].size(); ++d) {
          ASSERT_NEAR(a.vectors[p][d], b.vectors[p][d], 2e-5) << a.id << " passage " << p;
        }
      }
      // The index holds what storage holds: each is its own nearest, by text and by word, and its
      // metadata filters.
      auto nearest =
          Search(collection, {.query = VectorQuery{a.vectors[0]}, .limit = 3, .exact = true});
      ASSERT_TRUE(nearest.ok()) << nearest.status();
      EXPECT_NEAR(nearest->hits.at(0).passages.at(0).score, 1, 1e-4);
      if (a.metadata.contains("n")) {
        const index::Filter filter = index::Filter::Compare("n", index::CompareOp::kEqual,
                                                            std::get<int64_t>(a.metadata.at("n")));
        auto count = mine->Count(filter, Call::Background());
        auto right = truth->Count(filter, Call::Background());
        ASSERT_TRUE(count.ok() && right.ok()) << count.status();
        EXPECT_EQ(count->documents, right->documents);
      }
    }
    const auto stats = collection.Stats();
    ASSERT_TRUE(stats.ok());
    EXPECT_EQ(stats->passages, passages);
    EXPECT_EQ(stats->documents, documents.size());
    auto dropped = database->DeleteCollection(spec.name, "");
    ASSERT_TRUE(dropped.ok());
  }

  int oracles = 0;
};

std::string RandomText(std::mt19937& random) {
  static const char* const kWords[] = {"cat", "dog", "bird",  "purrs", "house", "the", "a",
                                       "sea", "and", "river", "old",   "new",   "."};
  std::string text;
  for (uint32_t i = 0; i < 1 + random() % 60; ++i) {
    text += kWords[random() % std::size(kWords)];
    text += ' ';
  }
  return "cat " + text;
}

TEST_F(ReembeddingTest, SearchesTheNewSpaceAfterTheCutOver) {
  auto articles = CreateOld();
  std::mt19937 random(1);
  Documents documents;
  for (int i = 0; i < 150; ++i) {
    const std::string id = "d" + std::to_string(i);
    documents[id] = {RandomText(random), {{"n", int64_t{i % 7}}}};
    ASSERT_TRUE(Upsert(*articles, {Text(id, documents[id].first, documents[id].second)}).ok());
  }
  const auto etag = Read(*articles)->Get({"d1"}, {})->documents.at(0).etag;
  const Operation ended = Await(Reembed());
  ASSERT_EQ(ended.state, OperationState::kSucceeded) << ended.error;
  ASSERT_TRUE(Info().reembedding.has_value());
  EXPECT_EQ(Info().reembedding->state, ReembeddingState::kCutOver);
  EXPECT_EQ(Info().reembedding->other.encoder, kOld);
  ExpectSpace(*articles, kNew, documents);
  EXPECT_EQ(Read(*articles)->Get({"d1"}, {})->documents.at(0).etag, etag);
  EXPECT_TRUE(Search(*articles, {.query = TextQuery{"cat"}}).ok());

  // Written after the cut-over, to both: so the way back loses nothing.
  documents["late"] = {"a dog in the house", {}};
  ASSERT_TRUE(Upsert(*articles, {Text("late", "a dog in the house")}).ok());
  ASSERT_TRUE(Delete(*articles, {"d3"}).ok());
  documents.erase("d3");
  auto back = database->RollbackReembedding("articles", "");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_FALSE(back->reembedding.has_value());
  ExpectSpace(*articles, kOld, documents);

  // And forth again, for good; over a restart.
  const Operation again = Await(Reembed());
  ASSERT_EQ(again.state, OperationState::kSucceeded) << again.error;
  ASSERT_TRUE(database->CommitReembedding("articles", "").ok());
  ExpectSpace(*articles, kNew, documents);
  articles.reset();
  Reopen();
  articles = Find("articles");
  EXPECT_FALSE(Info().reembedding.has_value());
  ExpectSpace(*articles, kNew, documents);
  EXPECT_THAT(database->CommitReembedding("articles", "").status(),
              FailsWith(StatusCode::kFailedPrecondition, "REEMBEDDING"));
}

TEST_F(ReembeddingTest, CommitsAtTheCutOverIfAskedTo) {
  auto articles = CreateOld();
  ASSERT_TRUE(Upsert(*articles, {Text("a", "the old cat")}).ok());
  ASSERT_EQ(Await(Reembed(true)).state, OperationState::kSucceeded);
  EXPECT_FALSE(Info().reembedding.has_value());
  ExpectSpace(*articles, kNew, {{"a", {"the old cat", {}}}});
}

TEST_F(ReembeddingTest, RefusesWhatItCannotEncode) {
  auto articles = CreateOld();
  const VectorSpace space = articles->info().space;
  ASSERT_TRUE(Upsert(*articles, {Text("a", "the old cat")}).ok());
  DocumentInput bare = Vec("bare", std::vector<float>(space.dimension, 0.5F));
  bare.vector->fingerprint = space.space_hash;
  ASSERT_TRUE(Upsert(*articles, {bare}).ok());
  const absl::Status refused = Reembed().status();
  EXPECT_THAT(refused, FailsWith(StatusCode::kFailedPrecondition, "NO_TEXT"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("\"bare\""));
  EXPECT_FALSE(Info().reembedding.has_value());
  ASSERT_TRUE(Delete(*articles, {"bare"}).ok());

  // While there are two spaces, a vector without a text would be in one of them only.
  ASSERT_EQ(Await(Reembed()).state, OperationState::kSucceeded);
  DocumentInput vector = Vec("bare", std::vector<float>(Info().space.dimension, 0.5F));
  vector.vector->fingerprint = Info().space.space_hash;
  EXPECT_THAT(Upsert(*articles, {vector}).status(),
              FailsWith(StatusCode::kFailedPrecondition, "REEMBEDDING"));
  vector.text = "with a text it is in both";
  EXPECT_TRUE(Upsert(*articles, {vector}).ok());
  EXPECT_THAT(Reembed().status(), FailsWith(StatusCode::kFailedPrecondition, "REEMBEDDING"));
  ASSERT_TRUE(database->RollbackReembedding("articles", "").ok());
  EXPECT_EQ(Vectors(*articles, "bare").size(), 1u);

  EXPECT_THAT(database->RollbackReembedding("articles", "").status(),
              FailsWith(StatusCode::kFailedPrecondition, "REEMBEDDING"));
  EXPECT_THAT(
      database->ReembedCollection("articles", {.encoder = "nobody"}, Call::Background()).status(),
      FailsWith(StatusCode::kNotFound, "ENCODER_NOT_FOUND"));
  auto points = CreateVectors("points");
  EXPECT_THAT(database->ReembedCollection("points", {.encoder = kNew}, Call::Background()).status(),
              FailsWith(StatusCode::kFailedPrecondition, "NO_ENCODER"));
}

TEST_F(ReembeddingTest, ACancelledOneLeavesNothing) {
  auto articles = CreateOld();
  std::mt19937 random(2);
  Documents documents;
  for (int i = 0; i < 300; ++i) {
    const std::string id = "d" + std::to_string(i);
    documents[id] = {RandomText(random), {}};
    ASSERT_TRUE(Upsert(*articles, {Text(id, documents[id].first)}).ok());
  }
  const auto begun = Reembed();
  ASSERT_TRUE(begun.ok()) << begun.status();
  ASSERT_TRUE(database->operations().Cancel(begun->id).ok());
  const Operation ended = AwaitEnd(begun->id);
  // It may have been quicker.
  if (ended.state == OperationState::kSucceeded) {
    ASSERT_TRUE(database->RollbackReembedding("articles", "").ok());
  } else {
    EXPECT_EQ(ended.state, OperationState::kCancelled);
  }
  EXPECT_FALSE(Info().reembedding.has_value());
  ExpectSpace(*articles, kOld, documents);
  const auto second = Reembed();
  ASSERT_TRUE(second.ok()) << second.status();
  auto back = database->RollbackReembedding("articles", "");
  ASSERT_TRUE(back.ok()) << back.status();
  ExpectSpace(*articles, kOld, documents);
  const Operation third = Await(Reembed());
  ASSERT_EQ(third.state, OperationState::kSucceeded) << third.error;
  ExpectSpace(*articles, kNew, documents);
  // With two spaces, or one that is filled, a collection can be deleted as any.
  EXPECT_TRUE(database->DeleteCollection("articles", "").ok());
}

TEST_F(ReembeddingTest, ADeletedCollectionEndsIt) {
  auto articles = CreateOld();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(Upsert(*articles, {Text("d" + std::to_string(i), "a cat")}).ok());
  }
  articles.reset();
  const auto begun = Reembed();
  ASSERT_TRUE(begun.ok()) << begun.status();
  ASSERT_TRUE(database->DeleteCollection("articles", "").ok());
  EXPECT_TRUE(AwaitEnd(begun->id).ended());
}

TEST_F(ReembeddingTest, BothSpacesStayCurrentWhateverHappens) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  auto articles = CreateOld();
  Documents documents;
  const auto write = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const std::string id = "d" + std::to_string(random() % 120);
      const uint32_t what = random() % 10;
      if (what < 6) {
        const Metadata metadata = {{"n", static_cast<int64_t>(random() % 9)}};
        documents[id] = {RandomText(random), metadata};
        auto written = Upsert(*articles, {Text(id, documents[id].first, metadata)});
        ASSERT_TRUE(written.ok()) << written.status();
      } else if (what < 8) {
        documents.erase(id);
        ASSERT_TRUE(Delete(*articles, {id}).ok());
      } else {
        const auto n = static_cast<int64_t>(random() % 9);
        if (const auto known = documents.find(id); known != documents.end()) {
          known->second.second["n"] = n;
        }
        MetadataChange change{.id = id};
        change.set["n"] = n;
        ASSERT_TRUE(UpdateMetadata(*articles, {change}).ok());
      }
    }
  };
  const auto restart = [&] {
    articles.reset();
    Reopen();
    articles = Find("articles");
  };
  write(200);
  for (int round = 0; round < 3; ++round) {
    const auto begun = Reembed();
    ASSERT_TRUE(begun.ok()) << begun.status();
    for (uint32_t i = random() % 3; i > 0; --i) {
      write(static_cast<int>(random() % 20));
      restart();
    }
    write(20);
    const Operation ended = AwaitEnd(begun->id);
    ASSERT_EQ(ended.state, OperationState::kSucceeded) << ended.error;
    if (random() % 2 == 0) restart();
    ExpectSpace(*articles, kNew, documents);
    write(30);
    if (random() % 2 == 0) {
      ASSERT_EQ(AwaitEnd(articles->SealIndex()->id).state, OperationState::kSucceeded);
    }
    write(10);
    if (random() % 2 == 0) restart();
    ExpectSpace(*articles, kNew, documents);
    ASSERT_TRUE(database->RollbackReembedding("articles", "").ok());
    if (random() % 2 == 0) restart();
    write(10);
    ExpectSpace(*articles, kOld, documents);
  }
}

TEST_F(ReembeddingTest, PagesInAnOrderEndWithTheSpaceThatTheyAreOf) {
  auto articles = CreateOld();
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(
        Upsert(*articles, {Text("d" + std::to_string(i), "a cat", {{"n", int64_t{i}}})}).ok());
  }
  ListRequest request{.order_by = "n", .limit = 4};
  auto page = Read(*articles)->List(request, Call::Background());
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_TRUE(page->more);
  request.after = page->next;
  EXPECT_TRUE(Read(*articles)->List(request, Call::Background()).ok());
  ASSERT_EQ(Await(Reembed()).state, OperationState::kSucceeded);
  EXPECT_THAT(Read(*articles)->List(request, Call::Background()).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN"));
}

// --- Texts that are unchanged ---

TEST_F(ReembeddingTest, AnUnchangedTextIsNotEncodedAgain) {
  auto articles = CreateOld();
  const std::string text = "the old cat purrs in the house and the dog is in the river . a bird .";
  auto first = Upsert(*articles, {Text("a", text, {{"n", int64_t{1}}})});
  ASSERT_TRUE(first.ok());
  EXPECT_GT(first->encoded_tokens, 0u);
  const auto vectors = Vectors(*articles, "a");

  auto same = Upsert(*articles, {Text("a", text, {{"n", int64_t{2}}})});
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->encoded_tokens, 0u);
  EXPECT_NE(same->results[0].etag, first->results[0].etag);
  EXPECT_EQ(same->results[0].passage_count, first->results[0].passage_count);
  EXPECT_EQ(Vectors(*articles, "a"), vectors);
  auto found = Search(*articles, {.query = LexicalQuery{"purrs"}});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->hits.size(), 1u);
  EXPECT_EQ(found->hits[0].metadata.at("n"), MetadataValue(int64_t{2}));

  // After a change of metadata alone, and a restart, too.
  MetadataChange change{.id = "a"};
  change.set["n"] = int64_t{3};
  ASSERT_TRUE(UpdateMetadata(*articles, {change}).ok());
  articles.reset();
  Reopen();
  articles = Find("articles");
  EXPECT_EQ(Upsert(*articles, {Text("a", text)})->encoded_tokens, 0u);

  // Another text of its length, another splitter, another document: all are encoded.
  std::string other = text;
  other[4] = 'c';
  EXPECT_GT(Upsert(*articles, {Text("a", other)})->encoded_tokens, 0u);
  EXPECT_GT(Upsert(*articles, {Text("b", other)})->encoded_tokens, 0u);
  CollectionUpdate update;
  update.splitter = articles->info().options.splitter;
  update.splitter->max_tokens = 24;
  ASSERT_TRUE(database->UpdateCollection("articles", update).ok());
  EXPECT_GT(Upsert(*articles, {Text("a", other)})->encoded_tokens, 0u);
  EXPECT_EQ(Upsert(*articles, {Text("a", other)})->encoded_tokens, 0u);

  // A space is asked by itself: in the new one it was encoded by the filling.
  ASSERT_EQ(Await(Reembed()).state, OperationState::kSucceeded);
  EXPECT_EQ(Upsert(*articles, {Text("a", other)})->encoded_tokens, 0u);
  ASSERT_TRUE(database->CommitReembedding("articles", "").ok());
  EXPECT_EQ(Upsert(*articles, {Text("a", other)})->encoded_tokens, 0u);
}

}  // namespace
}  // namespace kith::engine
