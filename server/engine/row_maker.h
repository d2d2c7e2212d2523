// RowMaker: what the index takes of a passage beside its vector: the terms of its text, and the
// metadata of its document. One a collection; whoever writes, replays or repairs rows goes through
// it, so that a row is the same however it came into the index.
//
// Thread-safe.

#ifndef KITH_SERVER_ENGINE_ROW_MAKER_H_
#define KITH_SERVER_ENGINE_ROW_MAKER_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "index/metadata/metadata_row.h"
#include "index/terms/analyser.h"
#include "index/terms/row_terms.h"
#include "server/engine/document.h"

namespace kith::engine {

class RowMaker {
 public:
  // `analyser`: null if no words are searched for. `unindexed_fields`: ascending.
  RowMaker(std::shared_ptr<const index::TermAnalyser> analyser,
           std::vector<std::string> unindexed_fields)
      : analyser_(std::move(analyser)), unindexed_fields_(std::move(unindexed_fields)) {}

  // The terms of a passage: of its heading path, too, as it is encoded. None without an analyser.
  index::RowTerms Terms(std::string_view heading_path, std::string_view text) const;

  // The fields that are indexed.
  index::MetadataRow MetadataOf(Metadata metadata) const;
  bool IsIndexed(std::string_view field) const;

  // Null: no words are searched for.
  const index::TermAnalyser* analyser() const { return analyser_.get(); }
  // Names the terms that it makes; empty if it makes none.
  std::string analyser_identity() const {
    return analyser_ == nullptr ? std::string() : analyser_->identity();
  }

 private:
  const std::shared_ptr<const index::TermAnalyser> analyser_;
  const std::vector<std::string> unindexed_fields_;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_ROW_MAKER_H_
