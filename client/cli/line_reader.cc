#include "client/cli/line_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "client/cli/exit_code.h"

namespace kith::cli {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// An ifstream opens a directory and fails at the first read only: peek tells.
absl::StatusOr<std::ifstream> OpenFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (file) file.peek();
  if (file.bad() || (file.fail() && !file.eof())) {
    return UsageError("{}: cannot read it: {}", path, std::strerror(errno == 0 ? EIO : errno));
  }
  file.clear();
  return file;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path,
                                                             size_t max_line_bytes) {
  auto file = OpenFile(path);
  if (!file.ok()) return file.status();
  return std::unique_ptr<LineReader>(new LineReader(path, *std::move(file), max_line_bytes));
}

LineReader::LineReader(std::string path, std::ifstream file, size_t max_line_bytes)
    : path_(std::move(path)), max_line_bytes_(max_line_bytes), file_(std::move(file)) {}

bool LineReader::Refill() {
  buffer_.resize(kBufferBytes);
  position_ = 0;
  file_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  buffer_.resize(static_cast<size_t>(file_.gcount()));
  failed_ = file_.bad();
  return !buffer_.empty();
}

bool LineReader::Next(std::string_view& line) {
  line_.clear();
  too_long_ = false;
  bool any = false;
  for (bool ended = false; !ended;) {
    if (position_ == buffer_.size() && !Refill()) break;
    any = true;
    const std::string_view rest = std::string_view(buffer_).substr(position_);
    const size_t newline = rest.find('\n');
    ended = newline != std::string_view::npos;
    const size_t taken = ended ? newline : rest.size();
    const size_t room = max_line_bytes_ - line_.size();
    too_long_ = too_long_ || taken > room;
    line_.append(rest.substr(0, std::min(taken, room)));
    position_ += taken + (ended ? 1 : 0);
    bytes_read_ += taken + (ended ? 1 : 0);
  }
  if (!any) return false;
  ++number_;
  if (line_.ends_with('\r')) line_.pop_back();
  line = line_;
  if (number_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  return true;
}

absl::Status LineReader::status() const {
  return failed_ ? UsageError("{}:{}: reading failed", path_, number_) : absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  auto file = OpenFile(path);
  if (!file.ok()) return file.status();
  std::string bytes;
  std::string block(kBufferBytes, '\0');
  while (file->read(block.data(), static_cast<std::streamsize>(block.size())), file->gcount() > 0) {
    bytes.append(block, 0, static_cast<size_t>(file->gcount()));
    if (bytes.size() > max_bytes) {
      return UsageError("{}: has more than {} bytes", path, max_bytes);
    }
  }
  if (file->bad()) return UsageError("{}: reading failed", path);
  if (bytes.starts_with(kByteOrderMark)) bytes.erase(0, kByteOrderMark.size());
  return bytes;
}

}  // namespace kith::cli
