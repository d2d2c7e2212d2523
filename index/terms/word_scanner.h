// WordScanner: the words of a text, folded: steps 1 and 2 of TermAnalyser. Internal to
// index/terms/.
//
// The text is taken piece by piece between ASCII white space, which no word crosses and which no
// rule of annex 29 looks across. A piece of ASCII alone is cut by a loop over a table of classes;
// any other one goes through ICU. Scan(text, false) sends all pieces together through ICU: the
// oracle of the tests.
//
// Not thread-safe. Takes time in proportion to the text.

#ifndef KITH_INDEX_TERMS_WORD_SCANNER_H_
#define KITH_INDEX_TERMS_WORD_SCANNER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace kith::index {

class WordScanner {
 public:
  // What is longer is cut before it is folded: bringing combining marks into order takes quadratic
  // time.
  static constexpr size_t kMaxWordBytes = 1024;

  // The word is valid until the call returns, and never empty.
  using Visit = absl::FunctionRef<void(std::string_view word)>;

  // `turkish`: I and i are two letters, with dots and without.
  explicit WordScanner(bool turkish);
  ~WordScanner();

  void Scan(std::string_view text, bool ascii_path, Visit visit);

 private:
  struct Icu;  // ICU's objects, and buffers for it

  void ScanAscii(std::string_view piece, Visit visit);
  void ScanIcu(std::string_view piece, Visit visit);
  void FoldIcu(std::string_view word, Visit visit);

  const bool turkish_;
  const std::unique_ptr<Icu> icu_;
};

// The first `size` bytes at most, without half a character at the end.
std::string_view CutAtCharacter(std::string_view text, size_t size);

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_WORD_SCANNER_H_
