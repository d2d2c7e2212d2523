#include "server/engine/analyser_registry.h"

#include "kith/base/status_macros.h"

namespace kith::engine {

absl::StatusOr<std::shared_ptr<const index::TermAnalyser>> AnalyserRegistry::Get(
    const TextIndexSettings& settings) {
  if (!settings.enabled) return std::shared_ptr<const index::TermAnalyser>();
  absl::MutexLock lock(&mu_);
  auto& known = analysers_[{settings.language, settings.remove_stop_words}];
  if (auto analyser = known.lock()) return analyser;
  KITH_ASSIGN_OR_RETURN(
      auto made, index::TermAnalyser::Create({.language = settings.language,
                                              .remove_stop_words = settings.remove_stop_words}));
  std::shared_ptr<const index::TermAnalyser> shared = std::move(made);
  known = shared;
  return shared;
}

}  // namespace kith::engine
