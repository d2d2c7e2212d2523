#include "client/cli/document_source.h"

#include <string_view>
#include <utility>

#include "client/cli/document_file.h"
#include "client/cli/exit_code.h"
#include "client/cpp/vector.h"
#include "fmt/format.h"

namespace kith::cli {
namespace {

// A place in the input as a document's tag: the file's number above, the line (0: the whole file)
// below.
constexpr int kLineBits = 40;
constexpr uint64_t kLineMask = (uint64_t{1} << kLineBits) - 1;
uint64_t TagOf(size_t file, uint64_t line) {
  return uint64_t{file} << kLineBits | (line & kLineMask);
}

}  // namespace

std::string DocumentSource::PlaceOf(uint64_t tag) const {
  const uint64_t line = tag & kLineMask;
  std::string place = found_.files[tag >> kLineBits].path;
  if (line > 0) place += fmt::format(":{}", line);
  return place;
}

void DocumentSource::Leave() {
  bytes_before_ += found_.files[file_].bytes;
  bytes_done_ = bytes_before_;
  lines_.reset();
  rows_.reset();
  entered_ = false;
  ++file_;
}

bool DocumentSource::Next(Item& item) {
  for (; file_ < found_.files.size(); Leave()) {
    switch (found_.files[file_].kind) {
      case FileKind::kJsonLines:
        if (NextLine(item)) return true;
        break;
      case FileKind::kFvecs:
        if (NextRow(item)) return true;
        break;
      case FileKind::kText:
      case FileKind::kMarkdown:
        if (WholeFile(item)) return true;
        break;
    }
  }
  return false;
}

bool DocumentSource::WholeFile(Item& item) {
  if (std::exchange(entered_, true)) return false;
  constexpr size_t kMaxBytes = size_t{16} << 20;  // a message; the server has its own limit
  const SourceFile& file = found_.files[file_];
  item.tag = TagOf(file_, 0);
  item.id = file.id;
  bytes_done_ = bytes_before_ + file.bytes;
  if (const auto [same, is_new] = ids_.try_emplace(file.id, file_); !is_new) {
    item.document =
        UsageError("{} gave the id {} already", found_.files[same->second].path, file.id);
    return true;
  }
  auto text = ReadFile(file.path, kMaxBytes);
  item.document = text.ok() ? DocumentOfText(file, *std::move(text))
                            : absl::StatusOr<v1::DocumentInput>(text.status());
  return true;
}

bool DocumentSource::NextLine(Item& item) {
  const SourceFile& file = found_.files[file_];
  item.id.clear();
  if (!std::exchange(entered_, true)) {
    auto lines = LineReader::Open(file.path);
    if (!lines.ok()) {
      item.tag = TagOf(file_, 0);
      item.id = file.id;
      item.document = lines.status();
      return true;
    }
    lines_ = *std::move(lines);
  }
  if (lines_ == nullptr) return false;
  for (std::string_view line; lines_->Next(line);) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    item.tag = TagOf(file_, lines_->number());
    item.document = lines_->too_long()
                        ? UsageError("longer than {} bytes", LineReader::kMaxLineBytes)
                        : DocumentOfJsonLine(line);
    bytes_done_ = bytes_before_ + lines_->bytes_read();
    return true;
  }
  const absl::Status read = lines_->status();
  lines_.reset();
  if (read.ok()) return false;
  item.tag = TagOf(file_, 0);
  item.id = file.id;
  item.document = read;
  return true;
}

bool DocumentSource::NextRow(Item& item) {
  const SourceFile& file = found_.files[file_];
  if (!std::exchange(entered_, true)) {
    auto rows = FvecsReader::Open(file.path);
    if (!rows.ok()) {
      item.tag = TagOf(file_, 0);
      item.id = file.id;
      item.document = rows.status();
      return true;
    }
    rows_ = *std::move(rows);
  }
  if (rows_ == nullptr) return false;
  std::vector<float> row;
  if (rows_->Next(row)) {
    v1::DocumentInput document;
    document.set_id(std::to_string(vectors_++));
    *document.mutable_vector() = client::PackVector(row);
    item.tag = TagOf(file_, rows_->rows_read());
    item.id = document.id();
    item.document = std::move(document);
    bytes_done_ = bytes_before_ + rows_->bytes_read();
    return true;
  }
  const absl::Status read = rows_->status();
  rows_.reset();
  if (read.ok()) return false;
  item.tag = TagOf(file_, 0);
  item.id = file.id;
  item.document = read;
  return true;
}

}  // namespace kith::cli
