// The index's random metadata (tests/index/metadata/rows.h), as far as the engine takes it.

#ifndef KITH_TESTS_SERVER_ENGINE_RANDOM_METADATA_H_
#define KITH_TESTS_SERVER_ENGINE_RANDOM_METADATA_H_

#include <algorithm>
#include <string>
#include <vector>

#include "server/engine/document.h"
#include "tests/index/metadata/rows.h"

namespace kith::engine {

// The index takes any bytes, the engine only UTF-8.
inline Metadata AMetadata(index::Random& random) {
  const auto is_utf8 = [](const std::string& text) {
    return text.find('\xff') == std::string::npos;
  };
  Metadata metadata = index::ARow(random);
  std::erase_if(metadata, [&](const auto& entry) {
    if (const auto* text = std::get_if<std::string>(&entry.second)) return !is_utf8(*text);
    if (const auto* list = std::get_if<std::vector<std::string>>(&entry.second)) {
      return !std::all_of(list->begin(), list->end(), is_utf8);
    }
    return false;
  });
  return metadata;
}

}  // namespace kith::engine

#endif  // KITH_TESTS_SERVER_ENGINE_RANDOM_METADATA_H_
