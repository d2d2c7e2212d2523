// WordTable: the embeddings of a vocabulary's tokens. Often half of a model's memory, and read one
// row a token, so it stays in the 16-bit format that it was stored in.

#ifndef KITH_ENCODER_WORD_TABLE_H_
#define KITH_ENCODER_WORD_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "encoder/half.h"

namespace kith::encoder {

class WordTable {
 public:
  WordTable() = default;
  // [rows, columns], row-major.
  WordTable(std::vector<float> numbers, int columns)
      : floats_(std::move(numbers)), columns_(static_cast<size_t>(columns)) {}
  // The same in bfloat16, or else in IEEE binary16.
  WordTable(std::vector<uint16_t> numbers, bool bf16, int columns)
      : halves_(std::move(numbers)), bf16_(bf16), columns_(static_cast<size_t>(columns)) {}

  // One row to out [columns]. REQUIRES: 0 <= row < rows.
  void Read(int row, float* out) const {
    const size_t begin = static_cast<size_t>(row) * columns_;
    if (halves_.empty()) {
      std::copy_n(floats_.data() + begin, columns_, out);
    } else {
      std::transform(halves_.data() + begin, halves_.data() + begin + columns_, out,
                     bf16_ ? FloatFromBf16 : FloatFromF16);
    }
  }

  size_t memory_bytes() const {
    return floats_.size() * sizeof(float) + halves_.size() * sizeof(uint16_t);
  }

 private:
  std::vector<float> floats_;  // one of these two
  std::vector<uint16_t> halves_;
  bool bf16_ = false;
  size_t columns_ = 0;
};

}  // namespace kith::encoder

#endif  // KITH_ENCODER_WORD_TABLE_H_
