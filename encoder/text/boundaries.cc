#include "encoder/text/boundaries.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include "kith/base/check.h"

namespace kith::encoder {
namespace {

icu::BreakIterator* MakeIterator(Boundaries::Kind kind) {
  const icu::Locale& root = icu::Locale::getRoot();
  UErrorCode error = U_ZERO_ERROR;
  icu::BreakIterator* iterator = nullptr;
  switch (kind) {
    case Boundaries::Kind::kSentence:
      iterator = icu::BreakIterator::createSentenceInstance(root, error);
      break;
    case Boundaries::Kind::kWord:
      iterator = icu::BreakIterator::createWordInstance(root, error);
      break;
    case Boundaries::Kind::kGrapheme:
      iterator = icu::BreakIterator::createCharacterInstance(root, error);
      break;
  }
  KITH_CHECK(U_SUCCESS(error) && iterator != nullptr,
             "ICU's rules are in the library it comes with");
  return iterator;
}

}  // namespace

struct Boundaries::State {
  explicit State(Kind kind) : iterator(MakeIterator(kind)) {}
  ~State() { utext_close(&text); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  UText text = UTEXT_INITIALIZER;  // outlives the iterator, which may refer to it
  const std::unique_ptr<icu::BreakIterator> iterator;
};

Boundaries::Boundaries(Kind kind) : state_(std::make_unique<State>(kind)) {}
Boundaries::~Boundaries() = default;

void Boundaries::Start(std::string_view text) {
  UErrorCode error = U_ZERO_ERROR;
  // ICU takes no null pointer, not even of an empty text.
  const char* data = text.empty() ? "" : text.data();
  utext_openUTF8(&state_->text, data, static_cast<int64_t>(text.size()), &error);
  state_->iterator->setText(&state_->text, error);
  KITH_CHECK(U_SUCCESS(error), "a UText over memory cannot fail to open");
  state_->iterator->first();
}

uint32_t Boundaries::Next() {
  const int32_t next = state_->iterator->next();
  return next == icu::BreakIterator::DONE ? kDone : static_cast<uint32_t>(next);
}

}  // namespace kith::encoder
