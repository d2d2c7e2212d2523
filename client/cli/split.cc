// kith split

#include <memory>
#include <string>
#include <string_view>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/line_reader.h"
#include "client/cli/schema_options.h"
#include "client/cli/text_layout.h"
#include "fmt/format.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct SplitFlags {
  std::string file;
  std::string model;
  SplitterFlags splitter;
  size_t lines = 3;
};

// The bytes of a passage; empty if the server's offsets do not lie in the text.
std::string_view TextOf(const v1::Passage& passage, std::string_view text) {
  if (passage.begin_byte() > passage.end_byte() || passage.end_byte() > text.size()) return {};
  return text.substr(passage.begin_byte(), passage.end_byte() - passage.begin_byte());
}

absl::Status Split(Context& context, const SplitFlags& flags) {
  constexpr size_t kMaxBytes = size_t{16} << 20;  // a message; the server has its own limit
  KITH_ASSIGN_OR_RETURN(const std::string text,
                        ReadFile(flags.file == "-" ? "/dev/stdin" : flags.file, kMaxBytes));
  if (!IsUtf8(text)) return UsageError("{}: not UTF-8 text", flags.file);
  v1::SplitTextRequest request;
  request.set_model(flags.model);
  request.set_text(text);
  if (flags.splitter.given()) flags.splitter.ApplyTo(*request.mutable_splitter());

  KITH_ASSIGN_OR_RETURN(auto client, context.Connect());
  KITH_ASSIGN_OR_RETURN(const auto response, client->SplitText(request));
  for (const v1::Passage& passage : response.passages()) {
    const std::string_view bytes = TextOf(passage, text);
    if (context.json) {
      Json object = ToJson(passage);
      object["text"] = std::string(bytes);
      context.out.Object(object);
      continue;
    }
    const size_t columns = TerminalColumns(stdout);
    context.out.Line(fmt::format("{:>4}  bytes {}-{}, {} tokens", passage.index(),
                                 passage.begin_byte(), passage.end_byte(), passage.token_count()));
    if (!passage.heading_path().empty()) {
      context.out.Line("      " + Shorten("# " + passage.heading_path(), columns - 6));
    }
    const std::string_view body = passage.heading_path().empty() ? bytes : SkipHeadings(bytes);
    for (const std::string& line : Wrap(body, columns - 6, flags.lines)) {
      context.out.Line("      " + line);
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddSplitCommand(CLI::App& app, Context& context) {
  auto flags = std::make_shared<SplitFlags>();
  CLI::App* command = AddCommand(
      app, context, "split", "Show the passages that a text would be cut into, storing nothing",
      "  kith split README.md\n"
      "  kith split README.md --max-tokens 64 --overlap-tokens 0 --json\n"
      "  man bash | kith split - --splitter sentences\n",
      [&context, flags] { return Split(context, *flags); });
  command->add_option("file", flags->file, "A text file, UTF-8; - is standard input")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--model", flags->model, "The model whose tokens count (default: the server's)")
      ->type_name("MODEL");
  flags->splitter.AddTo(*command);
  command->add_option("--lines", flags->lines, "Most lines of text shown of a passage")
      ->type_name("N")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
}

}  // namespace kith::cli
