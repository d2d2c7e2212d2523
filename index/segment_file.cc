#include "index/segment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "index/segment_header.h"
#include "kith/base/status_macros.h"
#include "xxhash.h"

namespace kith::index {
namespace {

constexpr size_t kReadBytes = 16 * kBlockBytes;

absl::Status CannotRead(const std::string& path, int error) {
  return Error(error == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kInternal,
               reason::kStorageError, "cannot read {}: {}", path, std::strerror(error));
}

}  // namespace

ErrorBuilder FileDamage(const std::string& path, uint64_t begin, uint64_t end,
                        const std::string& what) {
  return Error(absl::StatusCode::kDataLoss, reason::kCorruption,
               "{} is damaged in bytes {}..{}: {}", path, begin, end, what)
      .With("file", path)
      .With("begin", begin)
      .With("end", end);
}

absl::StatusOr<SegmentFile> SegmentFile::Open(const std::string& path, SegmentFileKind kind) {
  SegmentFile file;
  file.path_ = path;
  file.fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file.fd_ < 0) return CannotRead(path, errno);
  KITH_RETURN_IF_ERROR(file.ReadHeader(kind));
  return file;
}

SegmentFile::SegmentFile(SegmentFile&& other) noexcept { *this = std::move(other); }

SegmentFile& SegmentFile::operator=(SegmentFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(header_, other.header_);
  std::swap(summary_, other.summary_);
  std::swap(body_bytes_, other.body_bytes_);
  std::swap(checksums_, other.checksums_);
  return *this;
}

SegmentFile::~SegmentFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status SegmentFile::ReadHeader(SegmentFileKind kind) {
  struct stat stat;
  if (fstat(fd_, &stat) != 0) return CannotRead(path_, errno);
  const auto size = static_cast<uint64_t>(stat.st_size);
  if (!S_ISREG(stat.st_mode) || size < FileBytesOf(0)) {
    return FileDamage(path_, 0, size, "it is too short for a segment file");
  }
  std::string bytes(kHeaderBytes, '\0');
  KITH_RETURN_IF_ERROR(ReadAt(0, std::as_writable_bytes(std::span(bytes))));
  KITH_ASSIGN_OR_RETURN(DecodedHeader decoded, DecodeHeader(bytes, path_));
  if (decoded.header.kind != kind) {
    return FileDamage(
        path_, 0, kHeaderBytes,
        fmt::format("it is of kind {}, not {}", static_cast<uint32_t>(decoded.header.kind),
                    static_cast<uint32_t>(kind)));
  }
  if (size != FileBytesOf(decoded.body_bytes)) {
    return FileDamage(
        path_, 0, size,
        fmt::format("it has {} bytes, its header means {}", size, FileBytesOf(decoded.body_bytes)));
  }
  header_ = std::move(decoded.header);
  body_bytes_ = decoded.body_bytes;
  // No larger than the file, which is really there.
  checksums_.resize(BlocksOf(body_bytes_) + 1);
  const uint64_t table = kHeaderBytes + body_bytes_;
  KITH_RETURN_IF_ERROR(ReadAt(table, std::as_writable_bytes(std::span(checksums_))));
  summary_ = {size, checksums_.back()};
  checksums_.pop_back();
  if (XXH3_64bits_withSeed(checksums_.data(), checksums_.size() * sizeof(checksums_[0]),
                           HeaderChecksum(bytes)) != summary_.checksum) {
    return FileDamage(path_, table, size, "the checksum of the block checksums is wrong");
  }
  return absl::OkStatus();
}

absl::Status SegmentFile::ReadAt(uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t got = pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    // A sector that cannot be read is damage like any other.
    if (got < 0 && errno == EIO) {
      return FileDamage(path_, offset, offset + into.size(), "the disk cannot read it");
    }
    if (got < 0) return CannotRead(path_, errno);
    if (got == 0) {
      return FileDamage(path_, offset, offset + into.size(), "the file ends before");
    }
    offset += static_cast<uint64_t>(got);
    into = into.subspan(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

const SegmentHeader::Section* SegmentFile::Find(SectionKind kind) const {
  for (const SegmentHeader::Section& section : header_.sections) {
    if (section.kind == kind) return &section;
  }
  return nullptr;
}

absl::Status SegmentFile::CheckBlock(size_t block, std::span<const std::byte> bytes) const {
  if (XXH3_64bits(bytes.data(), bytes.size()) == checksums_[block]) return absl::OkStatus();
  const uint64_t begin = kHeaderBytes + block * kBlockBytes;
  return FileDamage(path_, begin, begin + bytes.size(), "the block's checksum is wrong");
}

absl::Status SegmentFile::ReadBlock(size_t block, std::span<std::byte> into) const {
  KITH_RETURN_IF_ERROR(ReadAt(kHeaderBytes + block * kBlockBytes, into));
  return CheckBlock(block, into);
}

absl::Status SegmentFile::ReadBody(std::span<std::byte> into, const Call& call) const {
  std::vector<std::byte> forgotten(into.empty() ? std::min<uint64_t>(kReadBytes, body_bytes_) : 0);
  for (uint64_t at = 0; at < body_bytes_; at += kReadBytes) {
    KITH_RETURN_IF_ERROR(call.Check());
    const size_t size = std::min<uint64_t>(kReadBytes, body_bytes_ - at);
    const std::span<std::byte> part =
        into.empty() ? std::span(forgotten).first(size) : into.subspan(at, size);
    KITH_RETURN_IF_ERROR(ReadAt(kHeaderBytes + at, part));
    for (size_t i = 0; i < size; i += kBlockBytes) {
      KITH_RETURN_IF_ERROR(
          CheckBlock((at + i) / kBlockBytes, part.subspan(i, std::min(kBlockBytes, size - i))));
    }
  }
  return absl::OkStatus();
}

}  // namespace kith::index
