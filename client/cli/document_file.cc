#include "client/cli/document_file.h"

#include <algorithm>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/metadata.h"
#include "client/cli/text_layout.h"
#include "client/cli/vector_file.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

// The text of the first ATX heading ("# Title"), or empty.
std::string FirstHeading(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const size_t level = line.find_first_not_of('#');
    if (level >= 1 && level <= 6 && level != std::string_view::npos && line[level] == ' ') {
      return Printable(line.substr(level));
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return "";
}

std::string FileName(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

absl::StatusOr<Json> ParseObject(std::string_view line) {
  try {
    Json json = Json::parse(line);
    if (!json.is_object())
      return UsageError("a line must be a JSON object, not {}", json.type_name());
    return json;
  } catch (const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 7: ...": the line is known
    // better.
    std::string_view what = error.what();
    if (const size_t column = what.find("column "); column != std::string_view::npos) {
      what.remove_prefix(column);
    }
    return UsageError("not JSON: {}", Printable(what));
  }
}

absl::StatusOr<std::string> TakeString(const std::string& name, const Json& json) {
  if (!json.is_string())
    return UsageError("\"{}\" must be a string, not {}", name, json.type_name());
  return json.get<std::string>();
}

absl::StatusOr<std::string> TakeId(const std::string& name, const Json& json) {
  if (json.is_number_integer()) return json.dump();
  return TakeString(name, json);
}

}  // namespace

std::string JoinTitle(std::string_view title, std::string_view text) {
  const std::string line = Printable(title);
  if (line.empty()) return std::string(text);
  std::string joined = "# " + line + "\n\n";
  joined += text;
  return joined;
}

absl::StatusOr<v1::DocumentInput> DocumentOfText(const SourceFile& file, std::string text) {
  if (!IsUtf8(file.id)) return UsageError("the file's name is not UTF-8");
  if (!IsUtf8(text)) return UsageError("not UTF-8 text");
  std::string title = file.kind == FileKind::kMarkdown ? FirstHeading(text) : "";
  if (title.empty()) title = FileName(file.id);

  v1::DocumentInput document;
  document.set_id(file.id);
  (*document.mutable_metadata())["source"].set_string_value(file.id);
  (*document.mutable_metadata())["title"].set_string_value(std::move(title));
  document.set_text(std::move(text));
  return document;
}

absl::StatusOr<v1::DocumentInput> DocumentOfJsonLine(std::string_view line) {
  KITH_ASSIGN_OR_RETURN(const Json object, ParseObject(line));
  if (object.contains("id") && object.contains("_id")) {
    return UsageError("both \"id\" and \"_id\" are there");
  }
  v1::DocumentInput document;
  std::string title;
  Json rest = Json::object();
  for (const auto& [name, value] : object.items()) {
    if (value.is_null()) continue;
    if (name == "id" || name == "_id") {
      KITH_ASSIGN_OR_RETURN(*document.mutable_id(), TakeId(name, value));
    } else if (name == "text") {
      KITH_ASSIGN_OR_RETURN(*document.mutable_text(), TakeString(name, value));
    } else if (name == "title") {
      KITH_ASSIGN_OR_RETURN(title, TakeString(name, value));
      if (!title.empty()) rest[name] = value;
    } else if (name == "vector") {
      KITH_ASSIGN_OR_RETURN(*document.mutable_vector(), VectorOfJson(value));
    } else if (name == "vector_fingerprint") {
      KITH_ASSIGN_OR_RETURN(*document.mutable_vector_fingerprint(), TakeString(name, value));
    } else if (name == "metadata") {
      if (!value.is_object())
        return UsageError("\"metadata\" must be an object, not {}", value.type_name());
      KITH_RETURN_IF_ERROR(AddMetadata(value, *document.mutable_metadata()));
    } else {
      rest[name] = value;
    }
  }
  KITH_RETURN_IF_ERROR(AddMetadata(rest, *document.mutable_metadata()));
  // A title alone is a text; beside a vector it is not. A document with neither is for the server
  // to refuse.
  if (!document.text().empty() || !document.has_vector()) {
    document.set_text(JoinTitle(title, document.text()));
  }
  return document;
}

}  // namespace kith::cli
