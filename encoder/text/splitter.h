// The splitter cuts a document into passages: spans that fit the encoder's window, end where a
// reader would pause, and overlap a little so that no thought is lost at a cut.
//
//   SplitterOptions options;                                    // Markdown or plain text, 256
//   tokens EncoderLimits limits{.max_tokens = 512, .overhead_tokens = 2};
//   KITH_ASSIGN_OR_RETURN(auto passages, Split(text, tokenizer, options, limits, call));
//   for (const PassageSpan& p : passages)
//     Encode(PassageText(p.heading_path, text.substr(p.begin, p.end - p.begin)));
//
// Thread-safety: pure functions, to be called from any thread.

#ifndef KITH_ENCODER_TEXT_SPLITTER_H_
#define KITH_ENCODER_TEXT_SPLITTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "encoder/tokenizer.h"
#include "kith/base/call.h"

namespace kith::encoder {

enum class SplitterKind {
  // The whole text is one passage, however long: who calls refuses or flags what the model
  // truncates.
  kNone,
  // Sentences of plain text are packed into passages. No line is a heading.
  kSentences,
  // The same, and Markdown headings cut the text into sections: no passage crosses a heading, and
  // each carries the path of headings above it. Text without headings is split as by kSentences.
  kMarkdown,
};

struct SplitterOptions {
  SplitterKind kind = SplitterKind::kMarkdown;
  // The longest passage, in the encoder's own tokens, with special tokens, prompt and heading path.
  uint32_t max_tokens = 256;
  // How much of a passage's end is repeated at the start of the next one: whole sentences (pieces
  // of a sentence where one is longer than a passage) of at most this many tokens together. 0:
  // none.
  uint32_t overlap_tokens = 32;
};

// The narrowest passages that make sense.
inline constexpr uint32_t kMinPassageTokens = 16;

// INVALID_ARGUMENT naming the field ("max_tokens") unless max_tokens >= kMinPassageTokens and
// overlap_tokens is less than half of max_tokens. There is no upper bound: the encoder's own
// maximum decides.
absl::Status ValidateSplitterOptions(const SplitterOptions& options);

// What the encoder leaves to a passage.
struct EncoderLimits {
  uint32_t max_tokens = 0;       // of one sequence, special tokens included
  uint32_t overhead_tokens = 0;  // special tokens and the passage prompt
  size_t max_passages = 65536;   // more than these from one text are refused
};

struct PassageSpan {
  uint32_t begin, end;       // byte offsets into the text: [begin, end), between code points
  std::string heading_path;  // "Guide > Install"; empty outside all headings
  uint32_t token_count;      // of PassageText(heading_path, span): without prompt, special tokens
};

// Splits `text`. What holds for the result (for kNone: 3, 4 and 5):
//   1. token_count <= min(options.max_tokens, limits.max_tokens) - limits.overhead_tokens, the
//   budget.
//   2. begin and end rise from one passage to the next, so that every passage brings something new.
//      The sentences that neighbours share have at most overlap_tokens tokens.
//   3. The spans together cover everything but white space; a text of white space has no passages.
//   4. No span begins or ends inside a code point, nor inside a grapheme cluster unless that
//   cluster
//      alone is over the budget (with BPE and Unigram: or may be, as its sentence spells it).
//   5. Equal arguments give equal results.
//   6. heading_path takes at most a quarter of the budget: levels are left out from the left, and a
//      last heading that is too long alone keeps its first words. A heading's own line is part of
//      the span below it as well.
// Passages end, in this order of preference, after a paragraph (once half full), after a sentence,
// and only within a sentence over the budget: after a line, before a word, at a grapheme cluster.
//
// Time is linear in the text; memory beside the result is some 20 bytes a sentence and 3 times the
// largest section. `call` is asked once a passage; its error is returned as it is. Other errors:
// INVALID_ARGUMENT as ValidateSplitterOptions, for a budget below kMinPassageTokens / 2 and with
// INVALID_UTF8 (and the offset), TEXT_TOO_LONG (1 GiB) or BATCH_TOO_LARGE (over max_passages).
absl::StatusOr<std::vector<PassageSpan>> Split(std::string_view text, const Tokenizer& tokenizer,
                                               const SplitterOptions& options,
                                               const EncoderLimits& limits, const Call& call);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TEXT_SPLITTER_H_
