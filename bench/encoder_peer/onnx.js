// Just enough of the ONNX file format (a protobuf) to write a model: messages are arrays of fields.
// Field numbers are those of onnx.proto.

'use strict';

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, parts) => bytes(field, Buffer.concat(parts));
function float(field, value) {
  const four = Buffer.alloc(4);
  four.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), four]);
}

const TYPE = {float: 1, uint8: 2, int8: 3, int32: 6, int64: 7};

// A constant: `data` a typed array or Buffer.
function tensor(name, type, shape, data) {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return [...shape.map((extent) => number(1, extent)), number(2, TYPE[type]), text(8, name), bytes(9, raw)];
}

// Attributes: integers, or {float: x}, or {ints: [...]}.
function attribute(name, value) {
  if (typeof value === 'number') return [text(1, name), number(3, value), number(20, 2)];
  if (value.ints) return [text(1, name), ...value.ints.map((i) => number(8, i)), number(20, 7)];
  return [text(1, name), float(2, value.float), number(20, 1)];
}

function node(operator, inputs, outputs, attributes = {}, domain = '') {
  return [
    ...inputs.map((input) => text(1, input)), ...outputs.map((output) => text(2, output)),
    text(3, outputs[0]), text(4, operator),
    ...Object.entries(attributes).map(([key, value]) => message(5, attribute(key, value))),
    text(7, domain),
  ];
}

// shape: numbers, or names of extents that vary.
function valueInfo(name, type, shape) {
  const extents = shape.map((extent) =>
    message(1, [typeof extent === 'string' ? text(2, extent) : number(1, extent)]));
  return [text(1, name), message(2, [message(1, [number(1, TYPE[type]), message(2, extents)])])];
}

function model({nodes, constants, inputs, outputs}) {
  const graph = [
    ...nodes.map((n) => message(1, n)), text(2, 'kith'), ...constants.map((c) => message(5, c)),
    ...inputs.map((i) => message(11, i)), ...outputs.map((o) => message(12, o)),
  ];
  const opset = (domain, version) => message(8, [text(1, domain), number(2, version)]);
  return Buffer.concat([number(1, 8), text(2, 'kith'), message(7, graph), opset('', 14), opset('com.microsoft', 1)]);
}

module.exports = {model, node, tensor, valueInfo};
