#include "tests/encoder/reference_bert.h"

#include <algorithm>
#include <cmath>

namespace kith::encoder::testing {
namespace {

using Rows = std::vector<double>;  // [tokens, size]

Rows Linear(const Rows& x, size_t tokens, const Tensors& tensors, const std::string& name) {
  const Tensor& weight = tensors.at(name + ".weight");
  const Tensor& bias = tensors.at(name + ".bias");
  const size_t outputs = weight.shape[0], inputs = weight.shape[1];
  Rows y(tokens * outputs);
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t o = 0; o < outputs; ++o) {
      double sum = bias.numbers[o];
      for (size_t i = 0; i < inputs; ++i) sum += x[t * inputs + i] * weight.numbers[o * inputs + i];
      y[t * outputs + o] = sum;
    }
  }
  return y;
}

void LayerNorm(Rows* x, size_t tokens, const Tensors& tensors, const std::string& name) {
  const Tensor& gamma = tensors.at(name + ".weight");
  const Tensor& beta = tensors.at(name + ".bias");
  const size_t size = gamma.numbers.size();
  for (size_t t = 0; t < tokens; ++t) {
    double* row = x->data() + t * size;
    double mean = 0, variance = 0;
    for (size_t c = 0; c < size; ++c) mean += row[c] / static_cast<double>(size);
    for (size_t c = 0; c < size; ++c) {
      variance += (row[c] - mean) * (row[c] - mean) / static_cast<double>(size);
    }
    for (size_t c = 0; c < size; ++c) {
      row[c] = (row[c] - mean) / std::sqrt(variance + 1e-12) * gamma.numbers[c] + beta.numbers[c];
    }
  }
}

void Add(Rows* x, const Rows& y) {
  for (size_t i = 0; i < x->size(); ++i) (*x)[i] += y[i];
}

double Activate(double x, const std::string& activation) {
  if (activation == "relu") return x > 0 ? x : 0;
  if (activation == "gelu") return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * std::pow(x, 3))));
}

Rows Attention(const Rows& x, size_t tokens, size_t heads, const Tensors& tensors,
               const std::string& name, const ReferenceOptions& options) {
  const Rows q = Linear(x, tokens, tensors, name + "query");
  const Rows k = Linear(x, tokens, tensors, name + "key");
  const Rows v = Linear(x, tokens, tensors, name + "value");
  const size_t size = q.size() / tokens, head_size = size / heads;
  Rows context(q.size());
  std::vector<double> weights(tokens);
  for (size_t h = 0; h < heads; ++h) {
    for (size_t i = 0; i < tokens; ++i) {
      double sum = 0;
      for (size_t j = 0; j < tokens; ++j) {
        double dot = 0;
        for (size_t c = h * head_size; c < (h + 1) * head_size; ++c) {
          dot += q[i * size + c] * k[j * size + c];
        }
        const double bias =
            options.bias(static_cast<int>(h), static_cast<int>(j) - static_cast<int>(i));
        weights[j] = std::exp(dot / std::sqrt(static_cast<double>(head_size)) + bias);
        sum += weights[j];
      }
      for (size_t j = 0; j < tokens; ++j) {
        for (size_t c = h * head_size; c < (h + 1) * head_size; ++c) {
          context[i * size + c] += weights[j] / sum * v[j * size + c];
        }
      }
    }
  }
  return context;
}

}  // namespace

HiddenStates ReferenceForward(const Tensors& tensors, int layers, int heads,
                              const std::string& activation, std::span<const int32_t> ids,
                              const ReferenceOptions& options) {
  const Tensor& words = tensors.at("embeddings.word_embeddings.weight");
  const Tensor& positions = tensors.at("embeddings.position_embeddings.weight");
  const Tensor& types = tensors.at("embeddings.token_type_embeddings.weight");
  const size_t size = words.shape[1], tokens = ids.size();
  const auto first = static_cast<size_t>(options.first_position);
  Rows x(tokens * size);
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t c = 0; c < size; ++c) {
      x[t * size + c] = static_cast<double>(words.numbers[static_cast<size_t>(ids[t]) * size + c]) +
                        positions.numbers[(t + first) * size + c] + types.numbers[c];
    }
  }
  LayerNorm(&x, tokens, tensors, "embeddings.LayerNorm");
  HiddenStates states = {x};
  for (int i = 0; i < layers; ++i) {
    const std::string layer = "encoder.layer." + std::to_string(i) + ".";
    const Rows context = Attention(x, tokens, static_cast<size_t>(heads), tensors,
                                   layer + "attention.self.", options);
    Add(&x, Linear(context, tokens, tensors, layer + "attention.output.dense"));
    LayerNorm(&x, tokens, tensors, layer + "attention.output.LayerNorm");
    Rows inner = Linear(x, tokens, tensors, layer + "intermediate.dense");
    for (double& value : inner) value = Activate(value, activation);
    Add(&x, Linear(inner, tokens, tensors, layer + "output.dense"));
    LayerNorm(&x, tokens, tensors, layer + "output.LayerNorm");
    states.push_back(x);
  }
  return states;
}

std::vector<double> ReferencePool(const std::vector<double>& states, int tokens,
                                  const std::string& pooling, bool normalise) {
  const size_t rows = static_cast<size_t>(tokens), size = states.size() / rows;
  std::vector<double> pooled(size);
  for (size_t c = 0; c < size; ++c) {
    double sum = 0, max = states[c];
    for (size_t t = 0; t < rows; ++t) {
      sum += states[t * size + c];
      max = std::max(max, states[t * size + c]);
    }
    pooled[c] = pooling == "mean_tokens"  ? sum / tokens
                : pooling == "max_tokens" ? max
                : pooling == "cls_token"  ? states[c]
                                          : states[(rows - 1) * size + c];
  }
  if (normalise) {
    double squares = 0;
    for (const double x : pooled) squares += x * x;
    for (double& x : pooled) x /= std::sqrt(squares);
  }
  return pooled;
}

}  // namespace kith::encoder::testing
