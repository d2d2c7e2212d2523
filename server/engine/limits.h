// What one request may hold, and how far the server lets itself grow. Configurable; docs/api.md
// names them, and every one is tested at the limit and one past it.

#ifndef KITH_SERVER_ENGINE_LIMITS_H_
#define KITH_SERVER_ENGINE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace kith::engine {

struct Limits {
  size_t message_bytes = 16 << 20;
  size_t text_bytes = 4 << 20;
  size_t batch_documents = 1000;
  size_t batch_passages = 2048;
  size_t id_bytes = 512;
  size_t request_id_bytes = 128;
  size_t stream_id_bytes = 64;
  size_t results = 10'000;  // limit + offset
  size_t group_passages = 100;
  size_t dimension = 4096;
  size_t metadata_bytes = 64 << 10;
  size_t metadata_keys = 256;
  size_t metadata_key_bytes = 128;
  size_t keyword_list_values = 1000;
  size_t collection_fields = 1000;
  size_t collections = 10'000;
  size_t description_bytes = 4 << 10;
  size_t batch_searches = 256;
  size_t encode_texts = 256;
  size_t rerank_texts = 1000;  // also of a search with rerank
  size_t page = 1000;
  size_t recall_queries = 1000;
};

}  // namespace kith::engine

#endif  // KITH_SERVER_ENGINE_LIMITS_H_
