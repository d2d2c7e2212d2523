// Where a command's results go: stdout, as text for people or as JSON, one object a line. What is
// said about the work itself (progress, warnings, errors) goes to stderr.

#ifndef KITH_CLIENT_CLI_OUTPUT_H_
#define KITH_CLIENT_CLI_OUTPUT_H_

#include <cstddef>
#include <cstdio>
#include <string_view>

#include "absl/status/status.h"
#include "client/cli/json.h"

namespace kith::cli {

bool IsTerminal(std::FILE* stream);
// Width of the terminal behind `stream`, 40..200; 100 if it is none.
size_t TerminalColumns(std::FILE* stream);

class Output {
 public:
  explicit Output(std::FILE* stream) : stream_(stream) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Text(std::string_view text);  // as it is
  void Line(std::string_view line);  // and a newline
  void Object(const Json& object);   // one line of JSON

  // Flushes. An error if anything could not be written since the start (a full disk, a closed
  // pipe).
  absl::Status Flush();

 private:
  std::FILE* const stream_;
  int errno_ = 0;  // of the first write that failed
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_OUTPUT_H_
