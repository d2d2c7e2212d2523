// InputFile: a model's file, opened for reading at any offset. Reading (rather than mapping) means
// that a file cut short by somebody else is an error here and not a SIGBUS later.
//
// Not copyable; ReadAt is safe from several threads.

#ifndef KITH_ENCODER_INPUT_FILE_H_
#define KITH_ENCODER_INPUT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kith::encoder {

class InputFile {
 public:
  // Fails with FAILED_PRECONDITION when `path` cannot be opened or is no regular file.
  static absl::StatusOr<InputFile> Open(const std::filesystem::path& path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;

  const std::string& name() const { return name_; }  // without the folders, for messages
  uint64_t size() const { return size_; }            // when it was opened

  // Reads exactly `count` bytes; a shorter file is an error.
  absl::Status ReadAt(uint64_t offset, void* out, size_t count) const;

  // The whole file, which must not be longer than `limit` bytes.
  absl::StatusOr<std::string> ReadAll(uint64_t limit) const;

 private:
  InputFile(std::string name, int fd, uint64_t size);

  const std::string name_;
  int fd_;
  const uint64_t size_;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_INPUT_FILE_H_
