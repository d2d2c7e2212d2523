// Several models in one server: loaded and unloaded by name, bound by collections, within the
// memory budget; the first dimensions of an encoder alone.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "absl/synchronization/notification.h"
#include "fixture.h"

namespace kith::engine {
namespace {

using absl::StatusCode;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class ModelsTest : public DatabaseTest {
 protected:
  static std::filesystem::path Data() { return std::filesystem::path(KITH_TEST_DATA) / "encoder"; }

  ModelsTest() {
    options.model_dir = Data() / "tiny-bert-mean";
    options.models_dir = Data();
  }

  Operation WaitFor(const std::string& id) {
    absl::Notification done;
    absl::StatusOr<Operation> ended = absl::UnknownError("not called");
    database->operations().Wait(id, Call::Clock::now() + std::chrono::seconds(60),
                                [&](absl::StatusOr<Operation> operation) {
                                  ended = std::move(operation);
                                  done.Notify();
                                });
    done.WaitForNotification();
    EXPECT_TRUE(ended.ok()) << ended.status();
    return *ended;
  }
  Operation Load(const std::string& name) {
    const auto begun = database->LoadModel(name);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return begun.ok() ? WaitFor(begun->id) : Operation();
  }
  Operation Unload(const std::string& name) {
    const auto begun = database->UnloadModel(name);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return begun.ok() ? WaitFor(begun->id) : Operation();
  }

  std::vector<std::string> LoadedNames() const {
    std::vector<std::string> names;
    for (const LoadedModel& model : database->ListModels().loaded) names.push_back(model.name());
    return names;
  }
  uint64_t UsedBytes() const { return database->Info().memory_used_bytes; }

  EncodedTexts Encode(EncoderRef encoder, const std::vector<std::string>& texts,
                      encoder::Role role) {
    absl::Notification done;
    EncodedTexts out;
    database->encoders().Encode(std::move(encoder), texts, role, Truncation::kEnd, NoDeadline(),
                                [&](absl::StatusOr<EncodedTexts> encoded) {
                                  EXPECT_TRUE(encoded.ok()) << encoded.status();
                                  if (encoded.ok()) out = *std::move(encoded);
                                  done.Notify();
                                });
    done.WaitForNotification();
    return out;
  }
};

TEST_F(ModelsTest, AModelIsLoadedByNameAndIsGoneWhenItIsUnloaded) {
  Open();
  EXPECT_THAT(LoadedNames(), ElementsAre("tiny-bert-mean"));
  EXPECT_THAT(database->ListModels().unloaded,
              IsSupersetOf({"tiny-cross-encoder", "tiny-xlmr-mean"}));
  const uint64_t before = UsedBytes();

  EXPECT_EQ(Load("tiny-xlmr-mean").state, OperationState::kSucceeded);
  EXPECT_EQ(Load("tiny-cross-encoder").state, OperationState::kSucceeded);
  EXPECT_THAT(LoadedNames(), ElementsAre("tiny-bert-mean", "tiny-xlmr-mean", "tiny-cross-encoder"));
  EXPECT_THAT(database->ListModels().unloaded, Not(Contains("tiny-xlmr-mean")));
  uint64_t counted = 0;
  for (const LoadedModel& model : database->ListModels().loaded) {
    if (!model.is_default) counted += model.memory_bytes;
  }
  EXPECT_EQ(UsedBytes() - before, counted);
  EXPECT_GT(counted, 0u);

  // Its scratch memory is with the workers now, which must not keep it.
  Encode(*database->encoders().Find("tiny-xlmr-mean"), {"one", "two"}, encoder::Role::kQuery);
  EXPECT_EQ(Unload("tiny-xlmr-mean").state, OperationState::kSucceeded);
  EXPECT_EQ(Unload("tiny-cross-encoder").state, OperationState::kSucceeded);
  EXPECT_THAT(LoadedNames(), ElementsAre("tiny-bert-mean"));
  EXPECT_EQ(UsedBytes(), before);
  EXPECT_THAT(database->encoders().Find("tiny-xlmr-mean").status(),
              FailsWith(StatusCode::kNotFound, "ENCODER_NOT_FOUND"));
  EXPECT_EQ(Load("tiny-xlmr-mean").state, OperationState::kSucceeded);
}

TEST_F(ModelsTest, NamesNeverLeaveTheFolderOfModels) {
  Open();
  for (const char* name : {"", ".", "..", "../encoder", "a/b", "/etc", ".hidden", "a b", "a\\b"}) {
    EXPECT_THAT(database->LoadModel(name).status(),
                FailsWith(StatusCode::kInvalidArgument, "INVALID_NAME"))
        << name;
    EXPECT_FALSE(database->UnloadModel(name).ok()) << name;
  }
  EXPECT_THAT(database->LoadModel(std::string(129, 'a')).status(),
              FailsWith(StatusCode::kInvalidArgument, "INVALID_NAME"));
  const absl::Status absent = database->LoadModel("absent").status();
  EXPECT_THAT(absent, FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  EXPECT_THAT(std::string(absent.message()), HasSubstr("tiny-xlmr-mean"));
  EXPECT_THAT(database->UnloadModel("absent").status(),
              FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
}

TEST_F(ModelsTest, WithoutAFolderOfModelsNothingCanBeLoaded) {
  options.models_dir.clear();
  Open();
  const absl::Status status = database->LoadModel("tiny-xlmr-mean").status();
  EXPECT_THAT(status, FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("without --models-dir"));
  EXPECT_TRUE(database->ListModels().unloaded.empty());
}

TEST_F(ModelsTest, AModelIsLoadedOnceAndTheDefaultStays) {
  Open();
  Load("tiny-xlmr-mean");
  EXPECT_THAT(database->LoadModel("tiny-xlmr-mean").status(),
              FailsWith(StatusCode::kAlreadyExists, "MODEL_LOADED"));
  EXPECT_THAT(database->LoadModel("tiny-bert-mean").status(),
              FailsWith(StatusCode::kAlreadyExists, "MODEL_LOADED"));
  EXPECT_THAT(database->UnloadModel("tiny-bert-mean").status(),
              FailsWith(StatusCode::kFailedPrecondition, "MODEL_IN_USE"));
}

TEST_F(ModelsTest, ADamagedModelFailsItsOperationAndTakesNoMemory) {
  options.models_dir = folder.path() / "models";
  std::filesystem::create_directories(options.models_dir);
  std::filesystem::copy(Data() / "tiny-bert-mean", options.models_dir / "torn",
                        std::filesystem::copy_options::recursive);
  const auto file = options.models_dir / "torn" / "model.safetensors";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4);
  Open();
  const uint64_t before = UsedBytes();
  const Operation operation = Load("torn");
  EXPECT_EQ(operation.state, OperationState::kFailed);
  EXPECT_EQ(DetailsOf(operation.error).reason, "INVALID_MODEL") << operation.error;
  EXPECT_EQ(UsedBytes(), before);
  EXPECT_THAT(LoadedNames(), ElementsAre("tiny-bert-mean"));
}

TEST_F(ModelsTest, AModelThatDoesNotFitIsRefusedBeforeItIsRead) {
  // Of a gigabyte that is nothing but a hole in the file.
  options.models_dir = folder.path() / "models";
  const auto dir = options.models_dir / "huge";
  std::filesystem::create_directories(options.models_dir);
  std::filesystem::copy(Data() / "tiny-bert-mean", dir, std::filesystem::copy_options::recursive);
  const std::string header =
      R"({"w":{"dtype":"F32","shape":[16384,16384],"data_offsets":[0,1073741824]}})";
  {
    std::ofstream out(dir / "model.safetensors", std::ios::binary | std::ios::trunc);
    const uint64_t size = header.size();
    out.write(reinterpret_cast<const char*>(&size), sizeof(size));
    out << header;
  }
  std::filesystem::resize_file(dir / "model.safetensors", 8 + header.size() + (1 << 30));
  options.memory_budget_bytes = 512 << 20;
  Open();
  const uint64_t before = UsedBytes();
  const Operation operation = Load("huge");
  EXPECT_EQ(operation.state, OperationState::kFailed);
  EXPECT_EQ(DetailsOf(operation.error).reason, "MEMORY_BUDGET") << operation.error;
  EXPECT_EQ(UsedBytes(), before);
}

TEST_F(ModelsTest, ModelsThatAreNamedAtTheStartAreLoadedThen) {
  options.load_models = {"tiny-cross-encoder", "tiny-xlmr-mean"};
  Open();
  EXPECT_THAT(LoadedNames(), ElementsAre("tiny-bert-mean", "tiny-cross-encoder", "tiny-xlmr-mean"));
  database.reset();
  options.load_models = {"absent"};
  EXPECT_THAT(Database::Open(options).status(),
              FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
}

TEST_F(ModelsTest, ACollectionHoldsItsModelAndKeepsItWhateverBecomesOfTheFolder) {
  Open();
  Load("tiny-xlmr-mean");
  auto collection = Create({.name = "texts", .encoder = "tiny-xlmr-mean"});
  ASSERT_TRUE(Upsert(*collection, {Text("a", "the cat sat"), Text("b", "a dog ran")}).ok());
  const absl::Status refused = database->UnloadModel("tiny-xlmr-mean").status();
  EXPECT_THAT(refused, FailsWith(StatusCode::kFailedPrecondition, "MODEL_IN_USE"));
  EXPECT_EQ(DetailsOf(refused).metadata.at("collections"), "texts");
  EXPECT_EQ(database->ListModels().loaded.back().collections, 1u);

  collection.reset();
  database.reset();
  options.models_dir.clear();  // the folder is gone
  Open();
  EXPECT_THAT(LoadedNames(), ElementsAre("tiny-bert-mean", "tiny-xlmr-mean"));
  EXPECT_EQ(Ids(*Search(*Find("texts"), {.query = TextQuery{"the cat sat"}, .limit = 1})),
            std::vector<std::string>{"a"});
  EXPECT_THAT(database->UnloadModel("tiny-xlmr-mean").status(),
              FailsWith(StatusCode::kFailedPrecondition, "MODEL_IN_USE"));

  const auto deleted = database->DeleteCollection("texts", "");
  ASSERT_TRUE(deleted.ok());
  WaitFor(deleted->id);
  EXPECT_EQ(Unload("tiny-xlmr-mean").state, OperationState::kSucceeded);
}

TEST_F(ModelsTest, TheFolderMayChangeOnlyAfterTheModelIsBound) {
  options.models_dir = folder.path() / "models";
  std::filesystem::create_directories(options.models_dir);
  std::filesystem::copy(Data() / "tiny-xlmr-mean", options.models_dir / "m",
                        std::filesystem::copy_options::recursive);
  Open();
  Load("m");
  std::ofstream(options.models_dir / "m" / "config.json", std::ios::app) << "\n";
  EXPECT_THAT(database->CreateCollection({.name = "texts", .encoder = "m"}).status(),
              FailsWith(StatusCode::kFailedPrecondition, "INVALID_MODEL"));
  EXPECT_EQ(Unload("m").state, OperationState::kSucceeded);
  EXPECT_EQ(Load("m").state, OperationState::kSucceeded);
  EXPECT_TRUE(database->CreateCollection({.name = "texts", .encoder = "m"}).ok());
}

TEST_F(ModelsTest, UnloadingWaitsForTheLastWhoHasTheModel) {
  Open();
  Load("tiny-cross-encoder");
  const uint64_t loaded = UsedBytes();
  CrossEncoderRef held = *database->encoders().FindCrossEncoder("");
  const auto begun = database->UnloadModel("tiny-cross-encoder");
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_THAT(database->encoders().FindCrossEncoder("").status(),
              FailsWith(StatusCode::kFailedPrecondition, "NO_CROSS_ENCODER"));
  EXPECT_EQ(database->operations().Get(begun->id)->state, OperationState::kRunning);
  EXPECT_EQ(UsedBytes(), loaded);
  // Work that has it goes on.
  absl::Notification judged;
  database->encoders().Rerank({.model = held, .query = "cat", .texts = {"cat", "dog"}},
                              NoDeadline(), [&](const absl::StatusOr<RerankAnswer>& answer) {
                                EXPECT_TRUE(answer.ok()) << answer.status();
                                judged.Notify();
                              });
  judged.WaitForNotification();
  held.reset();
  EXPECT_EQ(WaitFor(begun->id).state, OperationState::kSucceeded);
  EXPECT_LT(UsedBytes(), loaded);
}

TEST_F(ModelsTest, KindsAreNotMistakenForOneAnother) {
  Open();
  EXPECT_THAT(database->encoders().FindCrossEncoder("").status(),
              FailsWith(StatusCode::kFailedPrecondition, "NO_CROSS_ENCODER"));
  EXPECT_THAT(database->encoders().FindCrossEncoder("tiny-cross-encoder").status(),
              FailsWith(StatusCode::kNotFound, "MODEL_NOT_FOUND"));
  EXPECT_THAT(database->encoders().FindCrossEncoder("tiny-bert-mean").status(),
              FailsWith(StatusCode::kInvalidArgument, "MODEL_KIND"));
  Load("tiny-cross-encoder");
  EXPECT_TRUE(database->encoders().FindCrossEncoder("").ok());
  EXPECT_THAT(
      database->CreateCollection({.name = "texts", .encoder = "tiny-cross-encoder"}).status(),
      FailsWith(StatusCode::kInvalidArgument, "MODEL_KIND"));
}

TEST_F(ModelsTest, ACollectionKeepsTheFirstDimensionsOfItsEncoderAndRemembersIt) {
  Open();
  const EncoderRef whole = *database->encoders().Find("");
  auto collection = Create({.name = "short", .encoder_dimensions = 24});
  const VectorSpace space = collection->info().space;
  EXPECT_EQ(space.dimension, 24u);
  EXPECT_EQ(space.encoder_dimensions, 24u);
  EXPECT_NE(space.space_hash, whole->info().space_hash);
  EXPECT_EQ(space.space_hash, (*whole->Truncated(24))->info().space_hash);

  const std::vector<std::string> texts = {"the cat sat on the mat", "dogs run", "a bird sings"};
  std::vector<DocumentInput> inputs;
  for (const std::string& text : texts) inputs.push_back(Text(text, text));
  ASSERT_TRUE(Upsert(*collection, inputs).ok());
  // What is stored is the beginning of the whole embedding, brought to length 1.
  const auto stored_are_beginnings = [&](Collection& of) {
    for (const std::string& text : texts) {
      std::vector<float> expected = Encode(whole, {text}, encoder::Role::kPassage).embeddings;
      expected.resize(24);
      const double length =
          std::sqrt(std::inner_product(expected.begin(), expected.end(), expected.begin(), 0.0));
      SearchRequest request{.query = TextQuery{text}, .limit = 1};
      request.select.vectors = true;
      const auto answer = Search(of, request);
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer->hits[0].document_id, text);
      const std::vector<float>& stored = answer->hits[0].passages[0].vector;
      ASSERT_EQ(stored.size(), 24u);
      for (size_t i = 0; i < 24; ++i) EXPECT_NEAR(stored[i], expected[i] / length, 1e-6);
    }
  };
  stored_are_beginnings(*collection);
  collection.reset();
  Reopen();
  stored_are_beginnings(*Find("short"));
  EXPECT_EQ(Find("short")->info().space.space_hash, space.space_hash);
  // One copy of the weights serves both.
  Create({.name = "whole"});
  EXPECT_EQ(LoadedNames().size(), 1u);
  EXPECT_EQ(database->ListModels().loaded[0].collections, 2u);

  // Vectors of the whole space do not belong here.
  DocumentInput own = Vec("own", std::vector<float>(24, 0.2f));
  own.vector->fingerprint = whole->info().space_hash;
  EXPECT_THAT(Upsert(*Find("short"), {own}).status(),
              FailsWith(StatusCode::kFailedPrecondition, "ENCODER_MISMATCH"));
}

TEST_F(ModelsTest, DimensionsThatTheEncoderDoesNotHaveAreRefused) {
  Open();
  for (const uint32_t dimensions : {65u, 4096u, 4000000000u}) {
    const absl::Status status =
        database->CreateCollection({.name = "c", .encoder_dimensions = dimensions}).status();
    EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "DIMENSION_MISMATCH"));
    EXPECT_EQ(DetailsOf(status).field, "encoder_dimensions");
  }
  EXPECT_THAT(
      database->CreateCollection({.name = "c", .dimension = 8, .encoder_dimensions = 4}).status(),
      FailsWith(StatusCode::kInvalidArgument, "INVALID_REQUEST"));
  const auto all = database->CreateCollection({.name = "c", .encoder_dimensions = 64});
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->space.space_hash, (*database->encoders().Find(""))->info().space_hash);
  EXPECT_EQ(all->space.encoder_dimensions, 0u);
}

}  // namespace
}  // namespace kith::engine
