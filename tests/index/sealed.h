// Sealing for the tests of index/: BuildSegment into files of a temporary folder, and Open.

#ifndef KITH_TESTS_INDEX_SEALED_H_
#define KITH_TESTS_INDEX_SEALED_H_

#include <atomic>
#include <cstdint>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "index/index_view.h"
#include "index/index_writer.h"
#include "index/segment_build.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "tests/support/temp_folder.h"

namespace kith::index {

// Thread-safe.
class Sealer {
 public:
  struct Made {
    SegmentBuilt built;
    SegmentPaths paths;
    std::string metadata;  // its path
  };

  // A segment as IndexWriter takes it; nothing where no row was alive.
  struct Sealed {
    std::shared_ptr<const SealedSegment> segment;
    std::shared_ptr<const SealedMetadata> metadata;  // where the index has companions
  };

  // Files of a name of their own.
  absl::StatusOr<Made> Build(const IndexOptions& index, std::span<const SegmentView> inputs,
                             SegmentBuildOptions options, const Call& call = Call::Background()) {
    if (options.range.end == 0 && !inputs.empty()) {
      options.range = {inputs.front().first_ordinal(), inputs.back().last_ordinal() + 1};
    }
    const std::string name = NewName();
    Made made;
    made.paths = {folder_.Join(name + ".graph"), folder_.Join(name + ".rows")};
    std::ofstream graph(made.paths.graph, std::ios::binary);
    std::ofstream rows(made.paths.rows, std::ios::binary);
    std::ofstream terms;
    std::ofstream metadata;
    SegmentSinks sinks = {SinkOf(graph), SinkOf(rows)};
    if (index.companions) {
      made.paths.terms = folder_.Join(name + ".terms");
      made.metadata = folder_.Join(name + ".meta");
      terms.open(made.paths.terms, std::ios::binary);
      metadata.open(made.metadata, std::ios::binary);
      sinks.terms = SinkOf(terms);
      sinks.metadata = SinkOf(metadata);
    }
    KITH_ASSIGN_OR_RETURN(made.built, BuildSegment(index, inputs, options, sinks, call));
    return made;
  }

  static absl::StatusOr<Sealed> Open(const IndexOptions& index, const Made& made) {
    Sealed sealed;
    if (made.built.rows == 0) return sealed;
    KITH_ASSIGN_OR_RETURN(sealed.segment,
                          SealedSegment::Open(index, made.paths, Call::Background()));
    if (index.companions) {
      KITH_ASSIGN_OR_RETURN(
          sealed.metadata,
          SealedMetadata::Open(index, *sealed.segment, made.metadata, Call::Background()));
    }
    return sealed;
  }

  absl::StatusOr<Sealed> SealWhole(const IndexOptions& index, std::span<const SegmentView> inputs,
                                   const SegmentBuildOptions& options) {
    KITH_ASSIGN_OR_RETURN(const Made made, Build(index, inputs, options));
    return Open(index, made);
  }

  // Of an index without companions.
  absl::StatusOr<std::shared_ptr<const SealedSegment>> Seal(const IndexOptions& index,
                                                            std::span<const SegmentView> inputs,
                                                            const SegmentBuildOptions& options) {
    KITH_ASSIGN_OR_RETURN(Sealed sealed, SealWhole(index, inputs, options));
    return std::move(sealed.segment);
  }

  // The next generation of a sealed segment's metadata.
  absl::StatusOr<std::shared_ptr<const SealedMetadata>> Fold(const IndexOptions& index,
                                                             const SegmentView& segment) {
    const std::string path = folder_.Join(NewName() + ".meta");
    std::ofstream file(path, std::ios::binary);
    const ByteSink sink = SinkOf(file);
    KITH_RETURN_IF_ERROR(FoldSegmentMetadata(index, segment, sink, Call::Background()).status());
    return SealedMetadata::Open(index, *segment.sealed, path, Call::Background());
  }

  // Seals all that `writer` shows into one segment, in its place.
  absl::Status SealAll(IndexWriter& writer, const SegmentBuildOptions& options = {}) {
    writer.CloseGrowing();
    const IndexView view = writer.Publish();
    if (view.segments().empty()) return absl::OkStatus();
    KITH_ASSIGN_OR_RETURN(Sealed sealed, SealWhole(view.options(), view.segments(), options));
    return writer.Replace(view.segments(), std::move(sealed.segment), std::move(sealed.metadata));
  }

 private:
  std::string NewName() { return std::to_string(next_.fetch_add(1, std::memory_order_relaxed)); }

  static ByteSink SinkOf(std::ofstream& file) {
    return [&file](std::string_view bytes) -> absl::Status {
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      file.flush();
      if (file.good()) return absl::OkStatus();
      return Error(absl::StatusCode::kInternal, reason::kStorageError, "cannot write");
    };
  }

  TempFolder folder_;
  std::atomic<int> next_{0};  // relaxed: numbers and nothing else
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteAll(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace kith::index

#endif  // KITH_TESTS_INDEX_SEALED_H_
