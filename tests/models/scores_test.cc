// The bundled model's scores on slices of the dev sets, computed here from text to measure and
// compared with what the training code recorded in scores.json.

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/models/bundled_model.h"
#include "tests/models/measures.h"

namespace kith::models {
namespace {

using encoder::Role;
using nlohmann::json;

constexpr double kSpearmanTolerance = 0.1;  // of 100
constexpr double kNdcgTolerance = 0.002;

// 100 x Spearman's correlation of cosine and human score over the rows of an STS file.
double StsScore(const std::filesystem::path& path) {
  std::vector<double> scores;
  std::vector<std::string> one, other;
  const std::vector<std::string> lines = ReadLines(path);
  for (size_t i = 1; i < lines.size(); ++i) {  // the first is the header
    const std::vector<std::string> cells = Cells(lines[i], 3);
    scores.push_back(std::stod(cells[0]));
    one.push_back(cells[1]);
    other.push_back(cells[2]);
  }
  const Embeddings left = Embed(one, Role::kPassage), right = Embed(other, Role::kPassage);
  std::vector<double> cosines;
  for (size_t i = 0; i < scores.size(); ++i) cosines.push_back(Cosine(left[i], right[i]));
  return 100 * Spearman(cosines, scores);
}

std::vector<json> ReadJsonLines(const std::filesystem::path& path) {
  std::vector<json> objects;
  for (const std::string& line : ReadLines(path)) objects.push_back(json::parse(line));
  return objects;
}

using Grades = std::map<std::string, int>;  // by document id

std::map<std::string, Grades> ReadJudgements(const std::filesystem::path& path) {
  std::map<std::string, Grades> judgements;  // by query id
  const std::vector<std::string> lines = ReadLines(path);
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> cells = Cells(lines[i], 3);
    judgements[cells[0]][cells[1]] = std::stoi(cells[2]);
  }
  return judgements;
}

// The grades of all documents in the order of their cosine to `query`.
std::vector<int> RankedGrades(std::span<const float> query, const Embeddings& vectors,
                              const std::vector<json>& documents, const Grades& grades) {
  std::vector<double> cosines;
  for (size_t i = 0; i < documents.size(); ++i) cosines.push_back(Cosine(query, vectors[i]));
  std::vector<size_t> order(documents.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return cosines[a] > cosines[b]; });
  std::vector<int> ranked;
  for (const size_t i : order) {
    const auto found = grades.find(documents[i].at("_id").get<std::string>());
    ranked.push_back(found == grades.end() ? 0 : found->second);
  }
  return ranked;
}

// Mean nDCG@10 of exact search over a BEIR-style folder: each document one vector, as long as the
// model's window.
double RetrievalScore(const std::filesystem::path& folder) {
  const std::vector<json> documents = ReadJsonLines(folder / "corpus.jsonl");
  const std::vector<json> queries = ReadJsonLines(folder / "queries.jsonl");
  const std::map<std::string, Grades> judgements = ReadJudgements(folder / "qrels.tsv");
  std::vector<std::string> document_texts, query_texts;
  for (const json& document : documents) {
    document_texts.push_back(document.value("title", "") + " " +
                             document.at("text").get<std::string>());
  }
  for (const json& query : queries) query_texts.push_back(query.at("text"));
  const Embeddings vectors = Embed(document_texts, Role::kPassage);
  const Embeddings query_vectors = Embed(query_texts, Role::kQuery);

  double sum = 0;
  for (size_t q = 0; q < queries.size(); ++q) {
    const Grades& grades = judgements.at(queries[q].at("_id"));
    std::vector<int> judged;
    for (const auto& [document, grade] : grades) judged.push_back(grade);
    sum += NdcgAt10(RankedGrades(query_vectors[q], vectors, documents, grades), judged);
  }
  return sum / static_cast<double>(queries.size());
}

// "med_slice_ndcg_at_10" is about med-slice: the name up to `suffix`, or empty if that is not its
// end.
std::string SliceOf(std::string_view score, std::string_view suffix) {
  if (!score.ends_with(suffix)) return "";
  std::string slice(score.substr(0, score.size() - suffix.size()));
  std::replace(slice.begin(), slice.end(), '_', '-');
  return slice;
}

TEST(BundledModelScoresTest, EveryRecordedScoreIsTheOneComputedHere) {
  int sts = 0, retrieval = 0;
  const json recorded = ReadJson(DataDir() / "scores.json");
  for (const auto& [name, value] : recorded.items()) {
    double score = 0, tolerance = 0;
    if (const std::string slice = SliceOf(name, "_spearman"); !slice.empty()) {
      score = StsScore(DataDir() / (slice + ".tsv"));
      tolerance = kSpearmanTolerance;
      ++sts;
    } else if (const std::string folder = SliceOf(name, "_ndcg_at_10"); !folder.empty()) {
      score = RetrievalScore(DataDir() / folder);
      tolerance = kNdcgTolerance;
      ++retrieval;
    } else {
      ADD_FAILURE() << "scores.json: no measure is known for " << name;
      continue;
    }
    std::cout << name << ": recorded " << value << ", here " << score << "\n";
    EXPECT_NEAR(score, value.get<double>(), tolerance) << name;
  }
  EXPECT_GT(sts, 0);
  EXPECT_GT(retrieval, 0);
}

}  // namespace
}  // namespace kith::models
