#include "client/cli/failure.h"

#include "absl/time/time.h"
#include "client/cli/json.h"
#include "client/cli/text_layout.h"
#include "client/cpp/wire_status.h"
#include "fmt/format.h"
#include "kith/base/error.h"

namespace kith::cli {
namespace {

// What to do next, where the message does not say so itself.
std::string Hint(const absl::Status& status, const ErrorDetails& details) {
  if (client::IsUnreachable(status)) {
    return "Is kithd running? Name another server by --server HOST:PORT or $KITH_SERVER.";
  }
  if (details.reason == reason::kCollectionNotFound)
    return "`kith collections list` shows those that exist.";
  if (details.reason == reason::kEncoderNotFound || details.reason == reason::kModelNotFound)
    return "`kith models` shows those that are loaded.";
  if (absl::IsUnauthenticated(status)) {
    return "Give a key by --key-file FILE or $KITH_KEY; `kith keys create` makes one.";
  }
  if (absl::IsDeadlineExceeded(status)) return "Allow more time by --timeout SECONDS.";
  if (details.retry_after > absl::ZeroDuration()) {
    return fmt::format("The server advises to try again in {:.1f} s.",
                       absl::ToDoubleSeconds(details.retry_after));
  }
  return "";
}

}  // namespace

std::string BriefFailure(const absl::Status& status) {
  const ErrorDetails details = DetailsOf(status);
  std::string text = Printable(std::string(status.message()));
  if (!details.reason.empty()) text += fmt::format(" [{}]", Printable(details.reason));
  return text;
}

std::string DescribeFailure(const absl::Status& status, bool json) {
  const ErrorDetails details = DetailsOf(status);
  if (json) {
    Json error = {{"code", absl::StatusCodeToString(status.code())},
                  {"reason", details.reason},
                  {"message", std::string(status.message())},
                  {"field", details.field},
                  {"metadata", details.metadata},
                  {"retry_after_s", absl::ToDoubleSeconds(details.retry_after)}};
    return Dump({{"error", std::move(error)}}) + "\n";
  }
  std::string text = "kith: " + BriefFailure(status) + "\n";
  if (!details.field.empty()) text += fmt::format("  field: {}\n", Printable(details.field));
  if (const std::string hint = Hint(status, details); !hint.empty()) text += "  " + hint + "\n";
  return text;
}

}  // namespace kith::cli
