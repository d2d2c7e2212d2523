#include "index/terms/analyser.h"

#include <libstemmer.h>
#include <unicode/uversion.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "fmt/format.h"
#include "index/terms/stop_words.h"
#include "index/terms/word_scanner.h"
#include "kith/base/check.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

constexpr std::string_view kNoLanguage = "none";

// Counts changes to what this folder makes of a text, as opposed to what its libraries make of it.
constexpr int kVersion = 1;

// What the fingerprint of an identity is taken of: words that break, fold and stem in ways that
// releases of ICU and Snowball have changed, or may.
constexpr std::string_view kProbe =
    "can't isn't O'Neill it’s a:b c.d e_f 3.14 1,000;5 U.S.A. http://example.org/x?y=1 "
    "user@example.org "
    "Straße ÉCOLE ﬁne Ⅳ ＡＢＣ İstanbul ISPARTA Ǆ ΣΊΣΥΦΟΣ 東京都に住む 中华人民共和国 ภาษาไทยง่าย "
    "한국어 "
    "généralement nationalités Häuser aufeinander universities generously skies dying news inning "
    "conventional hopping organization relational добрый бегущими corriendo rápidamente "
    "ragazzi velocemente corredores huizen lopende hunderna springande hundene talossamme "
    "kutyákkal "
    "copiilor kitaplarımızdan παιδιά كتابها हिन्दी வீடுகள் namuose mendikoen lleugerament "
    "👩‍🚀 "
    "x²";

bool KnowsStemmer(std::string_view language) {
  const auto& all = TermAnalyser::Languages();
  return language != kNoLanguage && std::binary_search(all.begin(), all.end(), language);
}

const StopWords* FindStopWords(std::string_view language) {
  for (const StopWords& list : AllStopWords()) {
    if (list.language == language) return &list;
  }
  return nullptr;
}

struct StemmerDeleter {
  void operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }
};

}  // namespace

class TermAnalyser::Worker {
 public:
  explicit Worker(const AnalyserOptions& options)
      : max_term_bytes_(options.max_term_bytes), scanner_(options.language == "turkish") {
    if (options.language != kNoLanguage) {
      stemmer_.reset(sb_stemmer_new(options.language.c_str(), "UTF_8"));
      KITH_CHECK(stemmer_ != nullptr, "Create looked for the language in Snowball's own list");
    }
    if (!options.remove_stop_words) return;
    std::string_view words = FindStopWords(options.language)->words;
    while (!words.empty()) {
      const size_t end = std::min(words.find(' '), words.size());
      stop_words_.insert(words.substr(0, end));
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  }

  RowTerms Analyse(std::string_view text) {
    bytes_.clear();
    ends_.clear();
    scanner_.Scan(text, true, [this](std::string_view word) { AddWord(word); });
    occurrences_.clear();
    size_t begin = 0;
    for (const size_t end : ends_) {
      occurrences_.push_back(std::string_view(bytes_).substr(begin, end - begin));
      begin = end;
    }
    RowTerms row = RowTerms::Of(occurrences_);
    // A large text must not hold its memory for ever.
    if (bytes_.capacity() > kKeptBytes) {
      bytes_ = {};
      ends_ = {};
      occurrences_ = {};
    }
    return row;
  }

 private:
  static constexpr size_t kKeptBytes = size_t{1} << 20;

  void AddWord(std::string_view word) {
    if (stop_words_.contains(word)) return;
    word = CutAtCharacter(word, max_term_bytes_);
    if (stemmer_ != nullptr) {
      const sb_symbol* stem =
          sb_stemmer_stem(stemmer_.get(), reinterpret_cast<const sb_symbol*>(word.data()),
                          static_cast<int>(word.size()));
      KITH_CHECK(stem != nullptr, "stemming a short word fails only without memory");
      const std::string_view stemmed(reinterpret_cast<const char*>(stem),
                                     static_cast<size_t>(sb_stemmer_length(stemmer_.get())));
      // Nothing left: the word itself is the term.
      if (!stemmed.empty()) word = CutAtCharacter(stemmed, max_term_bytes_);
    }
    bytes_ += word;
    ends_.push_back(bytes_.size());
  }

  const size_t max_term_bytes_;
  WordScanner scanner_;
  std::unique_ptr<sb_stemmer, StemmerDeleter> stemmer_;
  absl::flat_hash_set<std::string_view> stop_words_;

  // Of one call: the terms end to end, and where each ends.
  std::string bytes_;
  std::vector<size_t> ends_;
  std::vector<std::string_view> occurrences_;
};

TermAnalyser::TermAnalyser(const AnalyserOptions& options) : options_(options) {}
TermAnalyser::~TermAnalyser() = default;

absl::StatusOr<std::unique_ptr<TermAnalyser>> TermAnalyser::Create(const AnalyserOptions& options) {
  if (options.language != kNoLanguage && !KnowsStemmer(options.language)) {
    return InvalidArgument(reason::kInvalidRequest, "language: {} is not one of {}",
                           Quoted(options.language), fmt::join(Languages(), ", "))
        .Field("language");
  }
  if (options.remove_stop_words && FindStopWords(options.language) == nullptr) {
    return InvalidArgument(reason::kInvalidRequest,
                           "remove_stop_words: there is no list for the language {}, only for {}",
                           Quoted(options.language), fmt::join(LanguagesWithStopWords(), ", "))
        .Field("remove_stop_words");
  }
  if (options.max_term_bytes < 8 || options.max_term_bytes > RowTerms::kMaxTermBytes) {
    return InvalidArgument(reason::kLimitOutOfRange, "max_term_bytes: {} is not within 8..{}",
                           options.max_term_bytes, RowTerms::kMaxTermBytes)
        .Field("max_term_bytes");
  }
  std::unique_ptr<TermAnalyser> analyser(new TermAnalyser(options));
  const RowTerms probe = analyser->Analyse(kProbe);
  std::string terms;
  for (size_t i = 0; i < probe.size(); ++i) {
    terms += probe.term(i);
    terms += '\n';
  }
  analyser->identity_ =
      fmt::format("terms{}/{}/{}/{}/{:016x}", kVersion, options.language,
                  options.remove_stop_words ? "stop" : "all", options.max_term_bytes,
                  XXH3_64bits(terms.data(), terms.size()));
  KITH_CHECK(analyser->identity_.size() <= kMaxIdentityBytes, "its parts are short");
  return analyser;
}

RowTerms TermAnalyser::Analyse(std::string_view text) const {
  std::unique_ptr<Worker> worker = TakeWorker();
  RowTerms row = worker->Analyse(text);
  const absl::MutexLock lock(&mu_);
  idle_.push_back(std::move(worker));
  return row;
}

std::unique_ptr<TermAnalyser::Worker> TermAnalyser::TakeWorker() const {
  {
    const absl::MutexLock lock(&mu_);
    if (!idle_.empty()) {
      std::unique_ptr<Worker> worker = std::move(idle_.back());
      idle_.pop_back();
      return worker;
    }
  }
  return std::make_unique<Worker>(options_);
}

const std::vector<std::string>& TermAnalyser::Languages() {
  static const auto& languages = *[] {
    auto* all = new std::vector<std::string>{std::string(kNoLanguage)};  // never destroyed
    for (const char** name = sb_stemmer_list(); *name != nullptr; ++name) all->push_back(*name);
    std::sort(all->begin(), all->end());
    return all;
  }();
  return languages;
}

std::vector<std::string> TermAnalyser::LanguagesWithStopWords() {
  std::vector<std::string> languages;
  for (const StopWords& list : AllStopWords()) languages.emplace_back(list.language);
  return languages;
}

}  // namespace kith::index
