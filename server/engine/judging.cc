#include "server/engine/judging.h"

#include <utility>

#include "fmt/format.h"
#include "kith/base/error.h"
#include "server/engine/services.h"
#include "server/engine/splitting.h"

namespace kith::engine {

void Judge(const Services& services, JudgeRequest request, std::shared_ptr<const Call> call,
           JudgeDone done) {
  const encoder::CrossEncoder& model = *request.model;
  const encoder::CrossEncoder::Question question = model.PrepareQuestion(request.query);
  std::vector<encoder::EncodedPair> pairs;
  auto judged = std::make_shared<std::vector<Judgement>>();
  for (size_t i = 0; i < request.texts.size(); ++i) {
    if (absl::Status status = call->Check(); !status.ok()) return done(std::move(status));
    encoder::EncodedPair pair = model.Prepare(question, request.texts[i]);
    if (pair.truncated() && request.truncation == Truncation::kNever) {
      return done(TooManyTokens(pair.tokens_before_truncation, model.info().max_tokens,
                                fmt::format("texts[{}]", i)));
    }
    const auto tokens = static_cast<uint32_t>(pair.token_ids.size());
    judged->push_back({.tokens = tokens,
                       .dropped = static_cast<uint32_t>(pair.tokens_before_truncation) - tokens});
    pairs.push_back(std::move(pair));
  }
  absl::Status queued = services.encodes.SubmitPairs(
      request.model, std::move(pairs), call,
      [judged, done, raw = request.raw_scores](absl::StatusOr<std::vector<float>> logits) {
        if (!logits.ok()) return done(logits.status());
        for (size_t i = 0; i < judged->size(); ++i) {
          (*judged)[i].score = raw ? (*logits)[i] : encoder::RelevanceOf((*logits)[i]);
        }
        done(std::move(*judged));
      });
  if (!queued.ok()) done(std::move(queued));
}

}  // namespace kith::engine
