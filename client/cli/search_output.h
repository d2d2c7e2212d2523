// How an answer of `kith search` looks on a terminal: its hits, what the parts of a hybrid question
// said of each, and the explanation of the whole.

#ifndef KITH_CLIENT_CLI_SEARCH_OUTPUT_H_
#define KITH_CLIENT_CLI_SEARCH_OUTPUT_H_

#include <cstddef>

#include "client/cli/context.h"
#include "kith/v1/search_service.pb.h"

namespace kith::cli {

// `request` names the parts of a hybrid question. `lines`: most lines of text of a passage.
void PrintHit(Context& context, const v1::SearchRequest& request, const v1::SearchHit& hit,
              size_t rank, size_t lines);

// A table of the stages, whose times add up to the last row.
void PrintExplanation(Context& context, const v1::SearchExplanation& explanation);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_SEARCH_OUTPUT_H_
