// Judging: how well texts answer a question, by a cross-encoder. Behind EncoderService.Rerank and
// behind the last stage of a search.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_JUDGING_H_
#define KITH_SERVER_ENGINE_JUDGING_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kith/base/call.h"
#include "server/engine/encoders.h"
#include "server/engine/schema.h"

namespace kith::engine {

class Services;

struct JudgeRequest {
  CrossEncoderRef model;
  std::string query;
  std::vector<std::string> texts;
  bool raw_scores = false;
  // Of a question and a text that are longer together than the model takes.
  Truncation truncation = Truncation::kEnd;
};

struct Judgement {
  float score = 0;       // 0..1, rising with how well the text answers; any number if raw
  uint32_t tokens = 0;   // of question and text, special tokens included
  uint32_t dropped = 0;  // that were cut off
};

// One a text, in order.
using JudgeDone = std::function<void(absl::StatusOr<std::vector<Judgement>>)>;

// Tokenises on the calling thread, which it may keep for long; computes on the encoder's, beside
// the questions of searches. Errors name "texts[i]". Of what callers may ask nothing is validated
// but the number of tokens. REQUIRES: texts is not empty.
void Judge(const Services& services, JudgeRequest request, std::shared_ptr<const Call> call,
           JudgeDone done);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_JUDGING_H_
