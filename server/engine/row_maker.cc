#include "server/engine/row_maker.h"

#include <algorithm>
#include <functional>

#include "encoder/text/passage_text.h"

namespace kith::engine {

index::RowTerms RowMaker::Terms(std::string_view heading_path, std::string_view text) const {
  if (analyser_ == nullptr || text.empty()) return {};
  if (heading_path.empty()) return analyser_->Analyse(text);
  return analyser_->Analyse(encoder::PassageText(heading_path, text));
}

bool RowMaker::IsIndexed(std::string_view field) const {
  return !std::binary_search(unindexed_fields_.begin(), unindexed_fields_.end(), field,
                             std::less<>());
}

index::MetadataRow RowMaker::MetadataOf(Metadata metadata) const {
  for (const std::string& field : unindexed_fields_) metadata.erase(field);
  return metadata;
}

}  // namespace kith::engine
