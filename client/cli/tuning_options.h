// --exact, --target-recall and --ef: how good an answer must be, shared by the commands that
// search.

#ifndef KITH_CLIENT_CLI_TUNING_OPTIONS_H_
#define KITH_CLIENT_CLI_TUNING_OPTIONS_H_

#include <cstdint>
#include <optional>

#include "CLI/CLI.hpp"
#include "kith/v1/search_service.pb.h"

namespace kith::cli {

struct TuningFlags {
  bool exact = false;
  std::optional<double> target_recall;
  std::optional<int32_t> ef;

  // At most one of them can be given. Without `with_exact`, --exact is not offered.
  void AddTo(CLI::App& app, bool with_exact = true);
  bool given() const { return exact || target_recall || ef; }
  void ApplyTo(v1::Tuning& tuning) const;
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_TUNING_OPTIONS_H_
