// LineReader: a file's lines, in bounded memory. Lines end in LF or CRLF; a byte order mark at the
// beginning of the file is dropped.
//
// Not thread-safe.

#ifndef KITH_CLIENT_CLI_LINE_READER_H_
#define KITH_CLIENT_CLI_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kith::cli {

class LineReader {
 public:
  // A document's text may have 4 MiB, and JSON may need six bytes for one.
  static constexpr size_t kMaxLineBytes = size_t{32} << 20;

  static absl::StatusOr<std::unique_ptr<LineReader>> Open(const std::string& path,
                                                          size_t max_line_bytes = kMaxLineBytes);

  // The next line, valid until the next call. False at the end, or when reading failed: see
  // status().
  bool Next(std::string_view& line);

  // Whether the present line was longer than allowed; only its beginning was returned then.
  bool too_long() const { return too_long_; }
  uint64_t number() const { return number_; }  // of the present line, from 1
  uint64_t bytes_read() const { return bytes_read_; }
  absl::Status status() const;

 private:
  LineReader(std::string path, std::ifstream file, size_t max_line_bytes);
  bool Refill();

  const std::string path_;
  const size_t max_line_bytes_;
  std::ifstream file_;
  std::string buffer_;
  size_t position_ = 0;  // in buffer_
  std::string line_;
  uint64_t number_ = 0;
  uint64_t bytes_read_ = 0;  // of the file, up to the end of the present line
  bool too_long_ = false;
  bool failed_ = false;
};

// A whole file of at most `max_bytes`. Errors name the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_LINE_READER_H_
