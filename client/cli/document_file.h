// Documents as files hold them: a text file is one document, a line of a .jsonl file is one.

#ifndef KITH_CLIENT_CLI_DOCUMENT_FILE_H_
#define KITH_CLIENT_CLI_DOCUMENT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/cli/source_files.h"
#include "kith/v1/document_service.pb.h"

namespace kith::cli {

// A title and a text as one text. The title becomes a Markdown heading: the splitter prefixes it to
// every passage of the document, so that each is found by what the whole is about.
std::string JoinTitle(std::string_view title, std::string_view text);

// The document of a .txt or .md file: id its path, metadata "source" (the path) and "title" (the
// first Markdown heading, else the file's name).
absl::StatusOr<v1::DocumentInput> DocumentOfText(const SourceFile& file, std::string text);

// The document of a line of a .jsonl file:
//   {"id": "a", "text": "...", "title": "...", "vector": [...], "vector_fingerprint": "...",
//    "metadata": {...}}
// "_id" (as BEIR has it) stands for "id", and numbers are taken as ids; without an id the server
// makes one. A title is joined to the text (JoinTitle) and kept as metadata. Other members become
// metadata.
absl::StatusOr<v1::DocumentInput> DocumentOfJsonLine(std::string_view line);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_DOCUMENT_FILE_H_
