// Writes a BERT model directory as ONNX, with the fused operators that ONNX Runtime's own optimiser
// would make of it: EmbedLayerNormalization, Attention, SkipLayerNormalization, BiasGelu; for int8
// DynamicQuantizeMatMul in place of the MatMuls and QAttention fed by DynamicQuantizeLinear, as its
// dynamic quantisation does, with one scale for each output of the weights.

'use strict';

const fs = require('fs');
const path = require('path');
const {model, node, tensor, valueInfo} = require('./onnx');

// Tensors of a safetensors file by name, without the architecture's prefix. F32 alone.
function readSafetensors(file) {
  const data = fs.readFileSync(file);
  const headerBytes = Number(data.readBigUInt64LE(0));
  const header = JSON.parse(data.subarray(8, 8 + headerBytes).toString());
  const tensors = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__' || entry.dtype === 'I64') continue;
    const [begin, end] = entry.data_offsets.map((offset) => offset + 8 + headerBytes);
    const raw = new Uint8Array(data.subarray(begin, end));  // copied, so aligned
    let numbers;
    if (entry.dtype === 'F32') {
      numbers = new Float32Array(raw.buffer);
    } else if (entry.dtype === 'BF16' || entry.dtype === 'F16') {
      const halves = new Uint16Array(raw.buffer);
      numbers = Float32Array.from(halves, entry.dtype === 'F16' ? fromF16 : fromBf16);
    } else {
      throw new Error(`${name} is stored as ${entry.dtype}`);
    }
    tensors[name.replace(/^bert\./, '')] = {shape: entry.shape, numbers};
  }
  return tensors;
}

function fromBf16(bits) {
  return new Float32Array(new Uint32Array([bits << 16]).buffer)[0];
}

function fromF16(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15));
}

// [outputs, inputs] -> [inputs, outputs]
function transposed(linears) {
  const inputs = linears[0].shape[1];
  const outputs = linears.reduce((sum, w) => sum + w.shape[0], 0);
  const to = new Float32Array(inputs * outputs);
  let first = 0;
  for (const {shape, numbers} of linears) {
    for (let o = 0; o < shape[0]; ++o) {
      for (let i = 0; i < inputs; ++i) to[i * outputs + first + o] = numbers[o * inputs + i];
    }
    first += shape[0];
  }
  return {inputs, outputs, numbers: to};
}

// Symmetric, one scale for each column.
function quantised({inputs, outputs, numbers}) {
  const scales = new Float32Array(outputs), bytes = new Int8Array(numbers.length);
  for (let c = 0; c < outputs; ++c) {
    let largest = 0;
    for (let i = 0; i < inputs; ++i) largest = Math.max(largest, Math.abs(numbers[i * outputs + c]));
    scales[c] = largest / 127 || 1;
    for (let i = 0; i < inputs; ++i) {
      bytes[i * outputs + c] = Math.max(-127, Math.min(127, Math.round(numbers[i * outputs + c] / scales[c])));
    }
  }
  return {scales, bytes};
}

function exportModel(dir, file, precision) {
  const config = JSON.parse(fs.readFileSync(path.join(dir, 'config.json')));
  if (config.model_type !== 'bert' || !['gelu'].includes(config.hidden_act ?? 'gelu')) {
    throw new Error('only BERT with gelu can be exported');
  }
  const weights = readSafetensors(path.join(dir, 'model.safetensors'));
  const heads = config.num_attention_heads, epsilon = {float: config.layer_norm_eps ?? 1e-12};
  const nodes = [], constants = [];
  const add = (operator, inputs, outputs, attributes, domain = 'com.microsoft') =>
    nodes.push(node(operator, inputs, outputs, attributes, domain));
  const constant = (name, type, shape, data) => {
    constants.push(tensor(name, type, shape, data));
    return name;
  };
  const float = (name) => constant(name, 'float', weights[name].shape, weights[name].numbers);
  const joined = (names) => Float32Array.from(names.flatMap((name) => Array.from(weights[name].numbers)));

  // y = x W, with the bias where the operator takes one.
  function linear(name, x, y) {
    const w = transposed([weights[`${name}.weight`]]);
    if (precision === 'f32') {
      add('MatMul', [x, constant(`${name}.w`, 'float', [w.inputs, w.outputs], w.numbers)], [y], {}, '');
      return;
    }
    const {scales, bytes} = quantised(w);
    add('DynamicQuantizeMatMul',
        [x, constant(`${name}.w`, 'int8', [w.inputs, w.outputs], bytes),
         constant(`${name}.s`, 'float', [w.outputs], scales),
         constant(`${name}.z`, 'int8', [w.outputs], new Int8Array(w.outputs))], [y]);
  }

  function attention(layer, x, y) {
    const parts = ['query', 'key', 'value'].map((part) => `${layer}.attention.self.${part}`);
    const w = transposed(parts.map((part) => weights[`${part}.weight`]));
    const bias = constant(`${layer}.qkv.b`, 'float', [w.outputs], joined(parts.map((part) => `${part}.bias`)));
    if (precision === 'f32') {
      add('Attention', [x, constant(`${layer}.qkv.w`, 'float', [w.inputs, w.outputs], w.numbers), bias, 'mask_index'],
          [y], {num_heads: heads});
      return;
    }
    const {scales, bytes} = quantised(w);
    add('DynamicQuantizeLinear', [x], [`${layer}.q`, `${layer}.qs`, `${layer}.qz`], {}, '');
    add('QAttention',
        [`${layer}.q`, constant(`${layer}.qkv.w`, 'int8', [w.inputs, w.outputs], bytes), bias, `${layer}.qs`,
         constant(`${layer}.qkv.s`, 'float', [w.outputs], scales), 'mask_index', `${layer}.qz`,
         constant(`${layer}.qkv.z`, 'int8', [w.outputs], new Int8Array(w.outputs))],
        [y], {num_heads: heads});
  }

  add('EmbedLayerNormalization',
      ['input_ids', 'segment_ids', float('embeddings.word_embeddings.weight'),
       float('embeddings.position_embeddings.weight'), float('embeddings.token_type_embeddings.weight'),
       float('embeddings.LayerNorm.weight'), float('embeddings.LayerNorm.bias'), 'mask'],
      ['hidden_0', 'mask_index'], {epsilon});
  for (let i = 0; i < config.num_hidden_layers; ++i) {
    const layer = `encoder.layer.${i}`, hidden = `hidden_${i}`, middle = `middle_${i}`;
    const norm = (name, block, residual, bias, to) =>
      add('SkipLayerNormalization', [block, residual, float(`${name}.weight`), float(`${name}.bias`), float(bias)],
          [to], {epsilon});
    attention(layer, hidden, `context_${i}`);
    linear(`${layer}.attention.output.dense`, `context_${i}`, `projected_${i}`);
    norm(`${layer}.attention.output.LayerNorm`, `projected_${i}`, hidden, `${layer}.attention.output.dense.bias`, middle);
    linear(`${layer}.intermediate.dense`, middle, `inner_${i}`);
    add('BiasGelu', [`inner_${i}`, float(`${layer}.intermediate.dense.bias`)], [`active_${i}`]);
    linear(`${layer}.output.dense`, `active_${i}`, `outer_${i}`);
    norm(`${layer}.output.LayerNorm`, `outer_${i}`, middle, `${layer}.output.dense.bias`, `hidden_${i + 1}`);
  }
  const last = `hidden_${config.num_hidden_layers}`, shape = ['batch', 'tokens'];
  fs.writeFileSync(file, model({
    nodes, constants,
    inputs: ['input_ids', 'segment_ids', 'mask'].map((name) => valueInfo(name, 'int32', shape)),
    outputs: [valueInfo(last, 'float', [...shape, config.hidden_size])],
  }));
  return {output: last, size: config.hidden_size, vocab: config.vocab_size};
}

module.exports = {exportModel};
