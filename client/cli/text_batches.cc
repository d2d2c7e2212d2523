#include "client/cli/text_batches.h"

#include <charconv>
#include <string_view>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/line_reader.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

constexpr size_t kBatchTexts = 128;
constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kMaxLineBytes = size_t{8} << 20;

// "texts[3]" in a batch that began at line 129 is line 132.
absl::Status InLine(const absl::Status& status, const std::string& path, uint64_t first_line) {
  const std::string field = DetailsOf(status).field;
  constexpr std::string_view kPrefix = "texts[";
  size_t index = 0;
  if (!field.starts_with(kPrefix) ||
      std::from_chars(field.data() + kPrefix.size(), field.data() + field.size(), index).ec !=
          std::errc() ||
      index >= kBatchTexts) {
    return status;
  }
  absl::Status located(status.code(), fmt::format("{}:{}: {}", path, first_line + index,
                                                  std::string(status.message())));
  status.ForEachPayload([&](auto url, const absl::Cord& value) { located.SetPayload(url, value); });
  return located;
}

}  // namespace

void TextSource::AddTo(CLI::App& app) {
  text_option = app.add_option("text", text, "The text")->type_name("TEXT");
  app.add_option("--file", file, "A file with one text a line")->type_name("FILE");
}

absl::Status ForEachBatch(
    const TextSource& source,
    const std::function<absl::Status(const std::vector<std::string>& texts)>& take) {
  const bool has_text = source.text_option->count() > 0;
  if (has_text == !source.file.empty()) return UsageError("give either TEXT or --file FILE");
  if (has_text) {
    if (!IsUtf8(source.text)) return UsageError("the text is not UTF-8");
    return take({source.text});
  }

  KITH_ASSIGN_OR_RETURN(auto lines, LineReader::Open(source.file, kMaxLineBytes));
  std::vector<std::string> batch;
  size_t bytes = 0;
  uint64_t first_line = 1;
  const auto send = [&] {
    if (batch.empty()) return absl::OkStatus();
    const absl::Status status = InLine(take(batch), source.file, first_line);
    first_line += batch.size();
    batch.clear();
    bytes = 0;
    return status;
  };
  for (std::string_view line; lines->Next(line);) {
    if (lines->too_long() || !IsUtf8(line)) {
      return UsageError("{}:{}: {}", source.file, lines->number(),
                        lines->too_long() ? fmt::format("longer than {} bytes", kMaxLineBytes)
                                          : std::string("not UTF-8"));
    }
    if (batch.size() == kBatchTexts || bytes + line.size() > kBatchBytes) {
      KITH_RETURN_IF_ERROR(send());
    }
    batch.emplace_back(line);
    bytes += line.size();
  }
  KITH_RETURN_IF_ERROR(lines->status());
  return send();
}

}  // namespace kith::cli
