// DocumentSource: the documents of files, one after the other, in bounded memory. What `kith
// ingest` loads, and `kith bench --while-ingesting`.
//
//   DocumentSource source(std::move(found));
//   for (DocumentSource::Item item; source.Next(item);) {
//     if (!item.document.ok()) ...   // that document cannot be taken; the others can
//   }
//
// Not thread-safe.

#ifndef KITH_CLIENT_CLI_DOCUMENT_SOURCE_H_
#define KITH_CLIENT_CLI_DOCUMENT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/line_reader.h"
#include "client/cli/source_files.h"
#include "client/cli/vecs_file.h"
#include "kith/v1/document_service.pb.h"

namespace kith::cli {

class DocumentSource {
 public:
  struct Item {
    // The document, or why there is none at this place.
    absl::StatusOr<v1::DocumentInput> document;
    // Names the place: see PlaceOf.
    uint64_t tag = 0;
    // As far as it is known when the document is not.
    std::string id;
  };

  explicit DocumentSource(SourceFiles found) : found_(std::move(found)) {}

  // False at the end.
  bool Next(Item& item);

  // "FILE", or "FILE:LINE" for a line of a .jsonl file (a row of an .fvecs file, both from 1).
  std::string PlaceOf(uint64_t tag) const;
  // Of the files, up to the last document returned: for progress.
  uint64_t bytes_done() const { return bytes_done_; }
  const SourceFiles& found() const { return found_; }

 private:
  // Each: true if it made an item of the present file, false when the file is through.
  bool NextLine(Item& item);
  bool NextRow(Item& item);
  bool WholeFile(Item& item);
  void Leave();

  const SourceFiles found_;
  size_t file_ = 0;
  uint64_t bytes_before_ = 0;  // of the files that are through
  uint64_t bytes_done_ = 0;
  uint64_t vectors_ = 0;  // rows of .fvecs files so far: they are the ids
  // Of the present file, if it is of that kind.
  std::unique_ptr<LineReader> lines_;
  std::unique_ptr<FvecsReader> rows_;
  bool entered_ = false;
  std::unordered_map<std::string, size_t> ids_;  // of whole files, to the file that has it
};

}  // namespace kith::cli

#endif  // KITH_CLIENT_CLI_DOCUMENT_SOURCE_H_
