// BERT as formulas, in double, one sequence at a time: the oracle of the forward pass. It shares no
// code with encoder/ and reads the tensors by their names.

#ifndef KITH_TESTS_ENCODER_REFERENCE_BERT_H_
#define KITH_TESTS_ENCODER_REFERENCE_BERT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/encoder/model_files.h"

namespace kith::encoder::testing {

// [tokens, hidden]; states[0] is the embedding layer's output, states[i] layer i's.
using HiddenStates = std::vector<std::vector<double>>;

HiddenStates ReferenceForward(const Tensors& tensors, int layers, int heads,
                              const std::string& activation, std::span<const int32_t> ids);

// Of the last hidden states. pooling: as in ModelShape.
std::vector<double> ReferencePool(const std::vector<double>& states, int tokens,
                                  const std::string& pooling, bool normalise);

}  // namespace kith::encoder::testing

#endif  // KITH_TESTS_ENCODER_REFERENCE_BERT_H_
