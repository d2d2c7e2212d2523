#include "server/engine/splitting.h"

#include <string>
#include <utility>

#include "encoder/text/splitter.h"
#include "index/vector_check.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/engine/database.h"
#include "server/engine/validate.h"

namespace kith::engine {
namespace {

encoder::SplitterOptions OptionsOf(const SplitterOptions& options) {
  encoder::SplitterOptions out;
  switch (options.kind) {
    case SplitterKind::kNone:
      out.kind = encoder::SplitterKind::kNone;
      break;
    case SplitterKind::kSentences:
      out.kind = encoder::SplitterKind::kSentences;
      break;
    case SplitterKind::kMarkdown:
      out.kind = encoder::SplitterKind::kMarkdown;
      break;
  }
  out.max_tokens = options.max_tokens;
  out.overlap_tokens = options.overlap_tokens;
  return out;
}

}  // namespace

absl::Status ValidateSplitter(const SplitterOptions& options) {
  return InField(encoder::ValidateSplitterOptions(OptionsOf(options)), "splitter");
}

absl::StatusOr<std::vector<Passage>> Split(const encoder::Encoder& encoder, std::string_view text,
                                           const SplitterOptions& options, const Call& call) {
  encoder::EncoderLimits limits;
  limits.max_tokens = encoder.info().max_tokens;
  limits.overhead_tokens = static_cast<uint32_t>(encoder.OverheadTokens(encoder::Role::kPassage));
  KITH_ASSIGN_OR_RETURN(
      std::vector<encoder::PassageSpan> spans,
      encoder::Split(text, encoder.tokenizer(), OptionsOf(options), limits, call));
  if (spans.empty()) {
    return InvalidArgument(reason::kEmptyText, "text: nothing to embed").Field("text");
  }
  std::vector<Passage> passages;
  passages.reserve(spans.size());
  for (encoder::PassageSpan& span : spans) {
    passages.push_back({static_cast<uint32_t>(passages.size()), span.begin, span.end,
                        std::move(span.heading_path), span.token_count});
  }
  return passages;
}

absl::Status CheckEmbeddings(std::span<const float> embeddings, const VectorSpace& space,
                             std::string_view field) {
  for (size_t row = 0; row < embeddings.size(); row += space.dimension) {
    const absl::Status usable = index::ValidateVector(embeddings.subspan(row, space.dimension),
                                                      space.metric, space.dimension);
    if (usable.ok()) continue;
    return InvalidArgument(reason::kEmptyText,
                           "{}: nothing to embed, the encoder \"{}\" finds no meaning in it ({})",
                           field, space.encoder, std::string(usable.message()))
        .Field(std::string(field));
  }
  return absl::OkStatus();
}

absl::Status TooManyTokens(int tokens, int limit, std::string_view field) {
  return InvalidArgument(reason::kTooManyTokens,
                         "{}: {} tokens, the encoder takes {}; allow truncation, or split the text",
                         field, tokens, limit)
      .Field(std::string(field))
      .With("tokens", tokens)
      .With("limit", limit);
}

absl::StatusOr<std::vector<Passage>> SplitText(const encoder::Encoder& encoder,
                                               std::string_view text,
                                               const SplitterOptions& options,
                                               const Limits& limits) {
  KITH_RETURN_IF_ERROR(ValidateSplitter(options));
  KITH_RETURN_IF_ERROR(ValidateText(text, limits));
  return Split(encoder, text, options, Call::Background());
}

}  // namespace kith::engine
