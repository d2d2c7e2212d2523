// What a product of activations and weights is to the kernels: plain structs and function pointers,
// since kernel files share no inline function. encoder/gemm.h is what the forward pass sees.
//
// Weights lie in panels: so many columns (outputs) as a register tile is wide, side by side, one
// depth (input) after the other, so that a tile reads them from one end to the other. An
// instruction that multiplies several depths at once (pairs of bfloat16, quads of bytes) finds them
// next to each other: a group.
//
//   panel p: for g in depth / group: for c in columns: for i in group: w[p * columns + c][g * group
//   + i]
//
// Outputs and depth are padded with zeros to whole panels and groups.

#ifndef KITH_ENCODER_KERNELS_GEMM_H_
#define KITH_ENCODER_KERNELS_GEMM_H_

#include <stddef.h>
#include <stdint.h>

namespace kith::encoder {

// What becomes of a sum s of products, bias included, before it is stored to c.
enum class Epilogue {
  kStore,     // c = s
  kAdd,       // c = c + s: the residual stream
  kGelu,      // c = s Phi(s)
  kGeluTanh,  // c = 0.5 s (1 + tanh(sqrt(2/pi) (s + 0.044715 s^3)))
  kRelu,      // c = max(s, 0)
};

// c [rows, columns] = epilogue(a [rows, depth] b + bias), for the columns of some panels.
struct Product {
  const void* a;    // as GemmKernels::prepare left it; float where there is no prepare
  size_t a_stride;  // numbers from row to row
  // int8: a number of row r is a_scale[r] * a + a_offset[r].
  const float* a_scale;
  const float* a_offset;

  const void* panels;
  // int8: a weight of column c is b_scale[c] * b; b_sums[c]: the sum of all of them. Like `bias`,
  // padded to whole panels.
  const float* b_scale;
  const float* b_sums;
  const float* bias;

  float* c;
  size_t c_stride;
  size_t rows, depth, columns;
  size_t panel_begin, panel_end;  // panels to compute
  Epilogue epilogue;
};

// Products in one precision by one instruction set.
struct GemmKernels {
  size_t panel_columns;
  size_t group;
  size_t weight_bytes;      // of a packed weight: float, bfloat16 or int8
  size_t activation_bytes;  // of a prepared activation

  // x [rows, depth] float32 -> the form that `multiply` reads, `to_stride` numbers from row to row,
  // zeros after depth up to there. scale, offset: [rows], for int8. Null: x is read as it is.
  void (*prepare)(const float* x, size_t rows, size_t depth, void* to, size_t to_stride,
                  float* scale, float* offset);
  void (*multiply)(const Product& product);
};

// Attention of one head within one sequence: out = softmax(Q Kᵀ scale + bias) V, in float32. Scores
// are made for a tile's rows at a time and never leave the first-level cache.
struct Attention {
  // [tokens, head_size] each, `stride` floats from row to row. Up to 32 floats beyond the last
  // value are read (and not used).
  const float* queries;
  const float* keys;
  const float* values;
  size_t stride;
  size_t tokens, head_size;
  float scale;
  const float* bias;  // bias[j - i] for the key j of query i, i.e. of distance 0; or null
  // kAttentionRows rows of scores and the keys turned round, for tokens rounded up to
  // kAttentionColumns: (kAttentionRows + head_size) * rounded floats.
  float* scratch;
  float* out;  // [tokens, head_size]
  size_t out_stride;
};
inline constexpr size_t kAttentionRows = 12;     // the largest tile's
inline constexpr size_t kAttentionColumns = 32;  // the widest panel's

}  // namespace kith::encoder

#endif  // KITH_ENCODER_KERNELS_GEMM_H_
