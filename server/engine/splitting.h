// Splitting and encoding texts with a collection's options: what writing documents, SplitText and
// queries share.
//
// Pure functions; they may take long on long texts.

#ifndef KITH_SERVER_ENGINE_SPLITTING_H_
#define KITH_SERVER_ENGINE_SPLITTING_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/encoder.h"
#include "kith/base/call.h"
#include "server/engine/document.h"
#include "server/engine/schema.h"

namespace kith::engine {

// The rules for options that a user gives.
absl::Status ValidateSplitter(const SplitterOptions& options);

// Passages of `text`, at least one, numbered from 0. token_count is without special tokens.
absl::StatusOr<std::vector<Passage>> Split(const encoder::Encoder& encoder, std::string_view text,
                                           const SplitterOptions& options, const Call& call);

// EMPTY_TEXT unless each of the embeddings end to end is one that the space can hold: text of
// nothing but invisible characters may give none. `field` names the text.
absl::Status CheckEmbeddings(std::span<const float> embeddings, const VectorSpace& space,
                             std::string_view field = "text");

// The refusal of a text under Truncation::kNever; `field` names it.
absl::Status TooManyTokens(int tokens, int limit, std::string_view field = "text");

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SPLITTING_H_
