// The last stage of a search with `rerank`: what of a request and an answer a cross-encoder reads,
// and the hits in the order of what it says. The judging itself is judging.h's.
//
// Pure functions.

#ifndef KITH_SERVER_ENGINE_SEARCHING_RERANK_HITS_H_
#define KITH_SERVER_ENGINE_SEARCHING_RERANK_HITS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/engine/judging.h"
#include "server/engine/search.h"

namespace kith::engine {

// What the texts are compared with; empty if the query has no text and none was given.
std::string_view RerankQuestion(const SearchRequest& request);

// The search that comes before: as deep as the cross-encoder reads, with the texts that it reads.
SearchRequest BeforeRerank(const SearchRequest& request);

// The texts of all passages that have one, in the order of the hits and of the passages in them.
std::vector<std::string> TextsToRerank(const SearchAnswer& answer);

// Brings the hits and the passages in them into the order of `judgements` (one a text of
// TextsToRerank), best first, ties and what was not judged as before; leaves what `request` asks
// for. REQUIRES: `answer` is that of BeforeRerank(request).
void ApplyRerank(const SearchRequest& request, std::span<const Judgement> judgements,
                 SearchAnswer* answer);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_RERANK_HITS_H_
