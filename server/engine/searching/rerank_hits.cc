#include "server/engine/searching/rerank_hits.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>
#include <variant>

#include "encoder/text/passage_text.h"
#include "server/engine/searching/leaves.h"

namespace kith::engine {
namespace {

// What was not judged ranks behind everything that was.
float ScoreOf(const ScoredPassage& passage) {
  return passage.rerank ? passage.rerank->score : -std::numeric_limits<float>::infinity();
}

}  // namespace

std::string_view RerankQuestion(const SearchRequest& request) {
  if (!request.rerank->query.empty()) return request.rerank->query;
  if (std::holds_alternative<RecommendQuery>(request.query)) return {};  // texts there are examples
  for (const Leaf& leaf : LeavesOf(request.query)) {
    if (!leaf.given_text().empty()) return leaf.given_text();
  }
  return {};
}

SearchRequest BeforeRerank(const SearchRequest& request) {
  SearchRequest before = request;
  before.limit = request.rerank->depth;
  before.offset = 0;
  before.select.text = true;
  return before;
}

std::vector<std::string> TextsToRerank(const SearchAnswer& answer) {
  std::vector<std::string> texts;
  for (const SearchHit& hit : answer.hits) {
    for (const ScoredPassage& passage : hit.passages) {
      if (passage.text.empty()) continue;
      texts.push_back(passage.passage.heading_path.empty()
                          ? passage.text
                          : encoder::PassageText(passage.passage.heading_path, passage.text));
    }
  }
  return texts;
}

void ApplyRerank(const SearchRequest& request, std::span<const Judgement> judgements,
                 SearchAnswer* answer) {
  const bool by_field = request.group_by.kind == GroupBy::Kind::kField;
  const auto better = [](const ScoredPassage& a, const ScoredPassage& b) {
    return ScoreOf(a) > ScoreOf(b);
  };
  auto judgement = judgements.begin();
  for (size_t i = 0; i < answer->hits.size(); ++i) {
    SearchHit& hit = answer->hits[i];
    hit.former_rank = static_cast<uint32_t>(i + 1);
    for (size_t j = 0; j < hit.passages.size(); ++j) {
      ScoredPassage& passage = hit.passages[j];
      if (passage.text.empty()) continue;
      passage.rerank = {judgement->score, static_cast<uint32_t>(j + 1), judgement->dropped};
      answer->rerank_tokens += judgement->tokens;
      answer->rerank_dropped_tokens += judgement->dropped;
      ++judgement;
      if (!request.select.text) passage.text.clear();
    }
    if (by_field) {
      hit.passages.front().etag = std::move(hit.etag);
      hit.passages.front().metadata = std::move(hit.metadata);
    }
    std::stable_sort(hit.passages.begin(), hit.passages.end(), better);
    if (by_field) {  // the best passage may be of another document now
      ScoredPassage& best = hit.passages.front();
      hit.document_id = best.document_id;
      hit.etag = std::move(best.etag);
      hit.metadata = std::move(best.metadata);
    }
  }
  answer->reranked_passages = static_cast<uint32_t>(judgements.size());
  std::vector<SearchHit>& hits = answer->hits;
  std::stable_sort(hits.begin(), hits.end(), [&](const SearchHit& a, const SearchHit& b) {
    return better(a.passages.front(), b.passages.front());
  });
  const auto wanted = static_cast<size_t>(request.offset + request.limit);
  answer->exhausted = hits.size() < wanted;
  hits.resize(std::min(hits.size(), wanted));
  hits.erase(hits.begin(), hits.begin() + std::min<ptrdiff_t>(request.offset, std::ssize(hits)));
}

}  // namespace kith::engine
