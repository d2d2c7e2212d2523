#include "server/security/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "kith/base/error.h"

namespace kith::security {
namespace {

absl::Status Failed(const std::string& path, int error) {
  return InvalidArgument(reason::kInvalidRequest, "{} cannot be read: {}", Quoted(path),
                         std::system_category().message(error));
}

}  // namespace

absl::StatusOr<FileContent> ReadSmallFile(const std::string& path, size_t most) {
  // A pipe must not hold up the start for want of a writer.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failed(path, errno);
  struct Closer {
    int fd;
    ~Closer() { close(fd); }
  } closer{fd};

  struct stat info;
  if (fstat(fd, &info) != 0) return Failed(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(reason::kInvalidRequest, "{} is no file", Quoted(path));
  }
  FileContent content;
  content.mode = info.st_mode;
  char buffer[16 << 10];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(path, errno);
    if (got == 0) return content;
    content.text.append(buffer, static_cast<size_t>(got));
    if (content.text.size() > most) {
      return InvalidArgument(reason::kInvalidRequest, "{} has more than {} bytes", Quoted(path),
                             most);
    }
  }
}

}  // namespace kith::security
