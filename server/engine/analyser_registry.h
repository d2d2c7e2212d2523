// AnalyserRegistry: one TermAnalyser for all collections of the same text index settings. An
// analyser holds dictionaries and working memory; a thousand collections must not hold a thousand
// of them.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_ANALYSER_REGISTRY_H_
#define KITH_SERVER_ENGINE_ANALYSER_REGISTRY_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "index/terms/analyser.h"
#include "server/engine/schema.h"

namespace kith::engine {

class AnalyserRegistry {
 public:
  // Null if `settings` say that words are not searched for. INVALID_ARGUMENT (INVALID_REQUEST) as
  // TermAnalyser::Create.
  absl::StatusOr<std::shared_ptr<const index::TermAnalyser>> Get(const TextIndexSettings& settings)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Key = std::pair<std::string, bool>;  // language, remove_stop_words

  absl::Mutex mu_;
  // An analyser lives as long as a collection needs it.
  std::map<Key, std::weak_ptr<const index::TermAnalyser>> analysers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_ANALYSER_REGISTRY_H_
