// BERT as formulas, in double, one sequence at a time: the oracle of the forward pass. It shares no
// code with encoder/ and reads the tensors by their names.

#ifndef KITH_TESTS_ENCODER_REFERENCE_BERT_H_
#define KITH_TESTS_ENCODER_REFERENCE_BERT_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tests/encoder/model_files.h"

namespace kith::encoder::testing {

// [tokens, hidden]; states[0] is the embedding layer's output, states[i] layer i's.
using HiddenStates = std::vector<std::vector<double>>;

// What relatives of BERT do otherwise.
struct ReferenceOptions {
  int first_position = 0;  // the row of the position table for the first token
  // Added to the attention score of a head for a key `distance` tokens after the query.
  std::function<double(int head, int distance)> bias = [](int, int) { return 0.0; };
};

HiddenStates ReferenceForward(const Tensors& tensors, int layers, int heads,
                              const std::string& activation, std::span<const int32_t> ids,
                              const ReferenceOptions& options = {});

// Of the last hidden states. pooling: as in ModelShape.
std::vector<double> ReferencePool(const std::vector<double>& states, int tokens,
                                  const std::string& pooling, bool normalise);

}  // namespace kith::encoder::testing

#endif  // KITH_TESTS_ENCODER_REFERENCE_BERT_H_
