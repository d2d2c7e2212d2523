#include "encoder/text/splitter.h"

#include <algorithm>
#include <utility>

#include "encoder/text/heading_path.h"
#include "encoder/text/packer.h"
#include "encoder/text/sections.h"
#include "encoder/text/span.h"
#include "encoder/text/token_counter.h"
#include "encoder/utf8.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 30;  // ICU counts bytes in 31 bits

absl::Status ValidateText(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return InvalidArgument(reason::kTextTooLong, "text: {} bytes, the splitter takes at most {}",
                           text.size(), kMaxTextBytes);
  }
  if (const size_t valid = ValidUtf8Prefix(text); valid != text.size()) {
    return InvalidArgument(reason::kInvalidUtf8, "text: not UTF-8 at byte {} of {}", valid,
                           text.size())
        .With("offset", valid);
  }
  return absl::OkStatus();
}

// Tokens that a passage may have: its own and those of its heading path.
absl::StatusOr<uint32_t> Budget(const SplitterOptions& options, const EncoderLimits& limits) {
  const uint32_t window = std::min(options.max_tokens, limits.max_tokens);
  if (window < limits.overhead_tokens || window - limits.overhead_tokens < kMinPassageTokens / 2) {
    return InvalidArgument(reason::kInvalidRequest,
                           "splitter.max_tokens: of {} tokens (the encoder takes {}) special "
                           "tokens and prompt need {}, which leaves less than {} for a passage",
                           options.max_tokens, limits.max_tokens, limits.overhead_tokens,
                           kMinPassageTokens / 2);
  }
  return window - limits.overhead_tokens;
}

}  // namespace

absl::Status ValidateSplitterOptions(const SplitterOptions& options) {
  if (options.max_tokens < kMinPassageTokens) {
    return InvalidArgument(reason::kInvalidRequest,
                           "splitter.max_tokens: {}, it must be at least {}", options.max_tokens,
                           kMinPassageTokens)
        .Field("max_tokens");
  }
  if (uint64_t{options.overlap_tokens} * 2 >= options.max_tokens) {
    return InvalidArgument(
               reason::kInvalidRequest,
               "splitter.overlap_tokens: {}, it must be less than half of max_tokens, {}",
               options.overlap_tokens, options.max_tokens)
        .Field("overlap_tokens");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<PassageSpan>> Split(std::string_view text, const Tokenizer& tokenizer,
                                               const SplitterOptions& options,
                                               const EncoderLimits& limits, const Call& call) {
  KITH_RETURN_IF_ERROR(ValidateSplitterOptions(options));
  KITH_RETURN_IF_ERROR(ValidateText(text));
  TokenCounter counter(tokenizer);
  std::vector<PassageSpan> passages;
  const Span whole = {0, static_cast<uint32_t>(text.size())};
  if (options.kind == SplitterKind::kNone) {
    if (!Trimmed(text, whole).empty()) {
      passages.push_back({whole.begin, whole.end, "", counter.Count("", text)});
    }
    return passages;
  }

  KITH_ASSIGN_OR_RETURN(const uint32_t budget, Budget(options, limits));
  PassagePacker packer(text, budget, std::min(options.overlap_tokens, budget / 2),
                       limits.max_passages, &counter, &passages);
  if (options.kind == SplitterKind::kSentences) {
    KITH_RETURN_IF_ERROR(packer.Pack(whole, "", call));
    return passages;
  }
  SectionReader sections(text);
  for (Section section; sections.Next(&section);) {
    std::string path = HeadingPath(section.headings, budget / 4, &counter);
    KITH_RETURN_IF_ERROR(packer.Pack(section.span, std::move(path), call));
  }
  return passages;
}

}  // namespace kith::encoder
