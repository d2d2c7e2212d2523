#include "client/cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace kith::cli {

bool IsTerminal(std::FILE* stream) { return isatty(fileno(stream)) == 1; }

size_t TerminalColumns(std::FILE* stream) {
  winsize size{};
  if (!IsTerminal(stream) || ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 100;
  }
  return std::clamp<size_t>(size.ws_col, 40, 200);
}

void Output::Text(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size() && errno_ == 0) {
    errno_ = errno;
  }
}

void Output::Line(std::string_view line) {
  Text(line);
  Text("\n");
}

void Output::Object(const Json& object) { Line(Dump(object)); }

absl::Status Output::Flush() {
  if (std::fflush(stream_) != 0 && errno_ == 0) errno_ = errno;
  if (errno_ == 0) return absl::OkStatus();
  return absl::DataLossError(fmt::format("cannot write the results: {}", std::strerror(errno_)));
}

}  // namespace kith::cli
