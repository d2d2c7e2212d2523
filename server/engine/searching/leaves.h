// The leaves of a query: what in it has to become vectors or words before it can be asked. A hybrid
// query has one a part, a recommendation one an example, any other query is one.

#ifndef KITH_SERVER_ENGINE_SEARCHING_LEAVES_H_
#define KITH_SERVER_ENGINE_SEARCHING_LEAVES_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/index_options.h"
#include "index/terms/row_terms.h"
#include "server/engine/limits.h"
#include "server/engine/schema.h"
#include "server/engine/search.h"
#include "server/engine/shard_identity.h"
#include "storage/reader.h"

namespace kith::engine {

// What a leaf asks of the index.
struct QueryVectors {
  std::vector<float> values;                 // [count, dimension], count >= 1
  std::vector<index::OrdinalRange> exclude;  // passages that are not wanted
};

struct Leaf {
  // Where it stands in the request: "query", "query.positive[2]".
  std::string field;
  // Parts of the request, which must outlive the leaf.
  std::variant<const TextQuery*, const VectorQuery*, const DocumentQuery*, const LexicalQuery*>
      query;
  // Of a vector at once; of a text when it is encoded; of a document when there is a View.
  QueryVectors vectors = {};
  index::RowTerms words = {};  // of a lexical query when it is analysed

  const TextQuery* text() const {
    const auto* text = std::get_if<const TextQuery*>(&query);
    return text == nullptr ? nullptr : *text;
  }
  const DocumentQuery* document() const {
    const auto* document = std::get_if<const DocumentQuery*>(&query);
    return document == nullptr ? nullptr : *document;
  }
  const LexicalQuery* lexical() const {
    const auto* lexical = std::get_if<const LexicalQuery*>(&query);
    return lexical == nullptr ? nullptr : *lexical;
  }
  // Of a text or lexical query.
  std::string_view given_text() const {
    return text() != nullptr      ? std::string_view(text()->text)
           : lexical() != nullptr ? std::string_view(lexical()->text)
                                  : std::string_view();
  }
};

// In the order of the request.
std::vector<Leaf> LeavesOf(const Query& query);

// INVALID_ARGUMENT, naming the leaf's field.
absl::Status ValidateLeaf(const Leaf& leaf, const VectorSpace& space, const Limits& limits);

// The vectors of a stored document that is to be searched by, and its own passages to leave out:
// the first 16 passages ask. NOT_FOUND / DOCUMENT_NOT_FOUND; `field` names the query.
absl::StatusOr<QueryVectors> VectorsOfDocument(const storage::Reader& reader,
                                               const SpaceIdentity& shard, const std::string& id,
                                               const std::string& field);

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_SEARCHING_LEAVES_H_
