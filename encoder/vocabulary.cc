#include "encoder/vocabulary.h"

#include "encoder/invalid_model.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

absl::Status CheckId(std::string_view file, std::string_view what, int32_t id, size_t size) {
  if (id >= 0 && static_cast<size_t>(id) < size) return absl::OkStatus();
  return InvalidModel("{}: the id of {} is {}, the vocabulary has {} tokens", file, what, id, size);
}

}  // namespace

absl::Status CheckVocabulary(std::string_view file, const Vocabulary& vocabulary) {
  const size_t size = vocabulary.vocabulary.size();
  if (size > Vocabulary::kMaxSize) {
    return InvalidModel("{}: {} tokens, at most {} are allowed", file, size, Vocabulary::kMaxSize);
  }
  size_t size_bytes = 0;
  for (const Vocabulary::Entry& entry : vocabulary.vocabulary) size_bytes += entry.text.size();
  if (size_bytes > Vocabulary::kMaxBytes) {
    return InvalidModel("{}: the vocabulary has {} bytes, at most {} are allowed", file, size_bytes,
                        Vocabulary::kMaxBytes);
  }
  const SpecialTokens& special = vocabulary.special;
  KITH_RETURN_IF_ERROR(CheckId(file, "the classifier token", special.cls, size));
  KITH_RETURN_IF_ERROR(CheckId(file, "the separator token", special.sep, size));
  KITH_RETURN_IF_ERROR(CheckId(file, "the unknown token", special.unk, size));
  for (const AddedToken& token : vocabulary.added_tokens) {
    KITH_RETURN_IF_ERROR(CheckId(file, "an added token", token.id, size));
    if (token.content.empty() || token.content.size() > Vocabulary::kMaxAddedTokenBytes) {
      return InvalidModel("{}: added token {} has {} bytes, it must have 1..{}", file, token.id,
                          token.content.size(), Vocabulary::kMaxAddedTokenBytes);
    }
  }
  return absl::OkStatus();
}

}  // namespace kith::encoder
