// TermAnalyser: text -> terms. One a collection; passages and queries must go through the same.
//
//   KITH_ASSIGN_OR_RETURN(auto analyser, TermAnalyser::Create({.language = "english"}));
//   RowTerms terms = analyser->Analyse("The wings of an aircraft");  // aircraft an of the wing
//
// 1. Words: Unicode annex 29 as ICU implements it, with its dictionaries for Thai, Chinese,
// Japanese
//    and the like. What holds no letter, digit or ideograph is not a word. A word is cut at 1,024
//    bytes.
// 2. Folding: NFKC and case folding (Turkish: its own lower case before); the typographic
// apostrophe
//    becomes the plain one.
// 3. Stop words are left out, where the option says so.
// 4. Stemming: Snowball's algorithm of the language.
// 5. A term is cut at max_term_bytes, at a character.
//
// Words of ASCII alone take a path of their own through 1 and 2, with the same result.
//
// Takes time in proportion to the text. Thread-safe.

#ifndef KITH_INDEX_TERMS_ANALYSER_H_
#define KITH_INDEX_TERMS_ANALYSER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "index/terms/row_terms.h"

namespace kith::index {

struct AnalyserOptions {
  // "none": no stemming. Otherwise a name of TermAnalyser::Languages(). It changes terms: an index
  // must be made anew for another one.
  std::string language = "english";
  // Leaves out the commonest words of the language ("the", "of", ...). Phrases of nothing else ("to
  // be or not to be") can then not be found; BM25 gives such words hardly any weight anyhow.
  bool remove_stop_words = false;
  // What is longer is cut. 8..RowTerms::kMaxTermBytes. 128 holds every hash in hexadecimal.
  uint32_t max_term_bytes = 128;

  friend bool operator==(const AnalyserOptions&, const AnalyserOptions&) = default;
};

class TermAnalyser {
 public:
  // INVALID_ARGUMENT (INVALID_REQUEST) for a language that is not known, one without a list of stop
  // words where they are asked for, or a length out of range.
  static absl::StatusOr<std::unique_ptr<TermAnalyser>> Create(const AnalyserOptions& options);
  ~TermAnalyser();

  // The terms of `text`. REQUIRES: valid UTF-8 (other bytes do no harm, but give terms that nobody
  // should rely on), less than 2 GiB.
  RowTerms Analyse(std::string_view text) const;

  // Names the terms that this analyser makes: its options, and a fingerprint of what ICU and
  // Snowball do. Printable ASCII without spaces, at most kMaxIdentityBytes. Indexes remember it;
  // one of another identity must not be asked with this analyser's terms.
  const std::string& identity() const { return identity_; }
  const AnalyserOptions& options() const { return options_; }

  static constexpr size_t kMaxIdentityBytes = 128;

  // "none" and all languages that Snowball knows, ascending.
  static const std::vector<std::string>& Languages();
  // Those of them with a list of stop words.
  static std::vector<std::string> LanguagesWithStopWords();

 private:
  class Worker;  // ICU's and Snowball's objects, which only one thread may use at a time

  explicit TermAnalyser(const AnalyserOptions& options);
  std::unique_ptr<Worker> TakeWorker() const;

  // Constant after Create.
  const AnalyserOptions options_;
  std::string identity_;

  mutable absl::Mutex mu_;
  mutable std::vector<std::unique_ptr<Worker>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::index

#endif  // KITH_INDEX_TERMS_ANALYSER_H_
