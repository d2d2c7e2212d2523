#include "client/cli/tuning_options.h"

namespace kith::cli {

void TuningFlags::AddTo(CLI::App& app, bool with_exact) {
  auto* recall_option =
      app.add_option("--target-recall", target_recall,
                     "Share of the true best hits to find on average (default 0.95)")
          ->type_name("0.5..1");
  auto* ef_option = app.add_option("--ef", ef, "Candidates that every graph's walk keeps, instead")
                        ->type_name("N")
                        ->excludes(recall_option);
  if (!with_exact) return;
  app.add_flag("--exact", exact, "Compare with every vector in full precision")
      ->excludes(recall_option)
      ->excludes(ef_option);
}

void TuningFlags::ApplyTo(v1::Tuning& tuning) const {
  if (exact) tuning.set_exact(true);
  if (target_recall) tuning.set_target_recall(*target_recall);
  if (ef) tuning.set_ef(*ef);
}

}  // namespace kith::cli
