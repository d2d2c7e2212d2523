// What tokenizer_config.json says beside the older tokenizer files: names of special tokens, and
// the class of tokenizer that the files were written for.

#ifndef KITH_ENCODER_TOKENIZER_OPTIONS_H_
#define KITH_ENCODER_TOKENIZER_OPTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "encoder/json_file.h"
#include "encoder/vocabulary.h"

namespace kith::encoder {

// Names that hold where the file gives no others.
struct SpecialNames {
  const char* unk;
  const char* cls;
  const char* sep;
  const char* pad;
  const char* mask;
  bool mask_takes_space = false;  // "lstrip", unless the file says
};

// Fills `special` and `added_tokens` by these names and the options' own. `file` is where the
// vocabulary came from: unk, cls and sep must be in it.
absl::Status ReadSpecialTokens(const JsonFile& options, std::string_view file,
                               const std::unordered_map<std::string_view, int32_t>& ids,
                               const SpecialNames& names, Vocabulary* vocabulary);

// INVALID_MODEL unless the options are an object whose tokenizer_class, if it has one, is among
// `classes`.
absl::Status CheckTokenizerClass(const JsonFile& options, std::string_view file,
                                 std::span<const std::string_view> classes);

}  // namespace kith::encoder

#endif  // KITH_ENCODER_TOKENIZER_OPTIONS_H_
