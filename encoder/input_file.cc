#include "encoder/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "encoder/invalid_model.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

std::string ErrorText(int error) { return std::generic_category().message(error); }

}  // namespace

InputFile::InputFile(std::string name, int fd, uint64_t size)
    : name_(std::move(name)), fd_(fd), size_(size) {}

InputFile::InputFile(InputFile&& other) noexcept
    : name_(other.name_), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<InputFile> InputFile::Open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer; it says nothing to a regular file.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return InvalidModel("{}: {}", path.string(), ErrorText(errno));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return InvalidModel("{}: not a regular file", path.string());
  }
  return InputFile(path.filename().string(), fd, static_cast<uint64_t>(info.st_size));
}

absl::Status InputFile::ReadAt(uint64_t offset, void* out, size_t count) const {
  char* to = static_cast<char*>(out);
  while (count > 0) {
    const ssize_t got = ::pread(fd_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return InvalidModel("{}: {}", name_, ErrorText(errno));
    if (got == 0) {
      return InvalidModel("{}: ends at byte {}, {} bytes were still expected", name_, offset,
                          count);
    }
    to += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> InputFile::ReadAll(uint64_t limit) const {
  if (size_ > limit) {
    return InvalidModel("{}: {} bytes, at most {} are allowed", name_, size_, limit);
  }
  std::string content(size_, '\0');
  KITH_RETURN_IF_ERROR(ReadAt(0, content.data(), content.size()));
  return content;
}

}  // namespace kith::encoder
