// ONNX Runtime beside Kith's encoder: the same weights and token ids, in turn, on one core each.
//
//   node run.js --bench PATH/encoder_bench [--random minilm-l6 | --model DIR] [--precision f32|int8]
//               [--kith-precision P] [--rounds N] [--only NAME] [--json]
//
// Both count processor time: machines are shared. Settings take turns; ratios are medians over the
// rounds of what each round's pair gives. Sequences are mean-pooled and normalised, and compared
// before anything is timed.

'use strict';

const {execFileSync} = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const {parseArgs} = require('util');
const ort = require('onnxruntime-node');
const {exportModel} = require('./export');

const {values: options} = parseArgs({options: {
  bench: {type: 'string'}, model: {type: 'string'}, random: {type: 'string', default: 'minilm-l6'},
  precision: {type: 'string', default: 'f32'}, 'kith-precision': {type: 'string'},
  rounds: {type: 'string', default: '7'}, only: {type: 'string', default: ''}, json: {type: 'boolean', default: false},
}});
const rounds = Number(options.rounds);
const kithPrecision = options['kith-precision'] ?? options.precision;
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'encoder_peer-'));
process.on('exit', () => fs.rmSync(scratch, {recursive: true}));
const bench = (...args) => execFileSync(options.bench, args, {encoding: 'utf8', maxBuffer: 1 << 30});

// The same numbers for every run.
let seed = 12;
const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
const sequence = (length, vocab) => Array.from({length}, () => random(vocab));
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

function feeds(sequences) {
  const length = Math.max(...sequences.map((ids) => ids.length)), shape = [sequences.length, length];
  const padded = (number) => new ort.Tensor('int32',
    Int32Array.from(sequences.flatMap((ids) => Array.from({length}, (_, i) => (i < ids.length ? number(ids, i) : 0)))), shape);
  return {input_ids: padded((ids, i) => ids[i]), segment_ids: padded(() => 0), mask: padded(() => 1)};
}

function pooled(output, sequences) {
  const [, tokens, size] = output.dims;
  return sequences.map((ids, s) => {
    const sum = new Float64Array(size);
    for (let i = 0; i < ids.length; ++i) {
      for (let c = 0; c < size; ++c) sum[c] += output.data[(s * tokens + i) * size + c];
    }
    const length = Math.sqrt(sum.reduce((total, x) => total + x * x, 0));
    return sum.map((x) => x / length);
  });
}

async function main() {
  const dir = options.model ?? path.join(scratch, 'model');
  if (!options.model) bench('--random', options.random, '--write-model', dir);
  const onnx = path.join(scratch, 'model.onnx');
  const {output, vocab} = exportModel(dir, onnx, options.precision);
  const session = await ort.InferenceSession.create(onnx, {
    intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all'});
  const peer = async (sequences) => pooled((await session.run(feeds(sequences)))[output], sequences);

  // One by one is how ONNX Runtime pads nothing; a batch of equal lengths needs no padding either.
  const sets = [
    {name: '32 x 128 tokens', batches: [Array.from({length: 32}, () => sequence(128, vocab))]},
    {name: '128 of 8..208 tokens, one by one', batches: Array.from({length: 128}, () => [sequence(8 + random(201), vocab)])},
    ...[4, 8, 12, 16, 24, 32].map((length) => ({name: `query of ${length} tokens`, batches: [[sequence(length, vocab)]], repeat: 30})),
  ];
  const report = [];
  for (const set of sets.filter(({name}) => name.includes(options.only))) {
    const sequences = set.batches.flat(), repeat = set.repeat ?? 1;
    const ids = path.join(scratch, 'ids.jsonl'), embeddings = path.join(scratch, 'embeddings.jsonl');
    fs.writeFileSync(ids, sequences.map((one) => JSON.stringify(one) + '\n').join(''));
    const kith = (...more) => JSON.parse(bench('--model', dir, '--sequences', ids, '--precision', kithPrecision,
      '--mode', set.repeat ? 'query' : 'batch', '--rounds', String(repeat), '--json', ...more));

    kith('--embeddings', embeddings);
    const mine = fs.readFileSync(embeddings, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    let leastCosine = 1;
    for (const [b, batch] of set.batches.entries()) {
      const theirs = await peer(batch);
      theirs.forEach((row, i) => {
        const own = mine[set.batches.length === 1 ? i : b];
        leastCosine = Math.min(leastCosine, row.reduce((sum, x, c) => sum + x * own[c], 0));
      });
    }
    const least = options.precision === 'f32' && kithPrecision === 'f32' ? 0.99999 : 0.99;
    if (!(leastCosine >= least)) throw new Error(`${set.name}: the embeddings differ, cosine ${leastCosine}`);

    const theirs = [], ours = [];
    const prepared = set.batches.map(feeds);
    for (let round = 0; round < rounds; ++round) {
      const times = [];
      for (let i = 0; i < repeat; ++i) {
        const before = process.cpuUsage();
        for (const one of prepared) await session.run(one);
        const used = process.cpuUsage(before);
        times.push((used.user + used.system) / 1e6);
      }
      theirs.push(median(times));
      ours.push(kith().p50_ms / 1e3);
    }
    const line = {set: set.name, onnxruntime_ms: median(theirs) * 1e3, kith_ms: median(ours) * 1e3,
                  ratio: median(theirs.map((time, i) => time / ours[i])),
                  ratio_of_best: Math.min(...theirs) / Math.min(...ours), least_cosine: leastCosine};
    report.push(line);
    if (!options.json) {
      console.log(`${line.set}: ONNX Runtime ${line.onnxruntime_ms.toFixed(2)} ms, Kith ${line.kith_ms.toFixed(2)} ms, ` +
        `${line.ratio.toFixed(2)}x (best of each: ${line.ratio_of_best.toFixed(2)}x), cosine ${leastCosine.toFixed(6)}`);
    }
  }
  if (options.json) console.log(JSON.stringify({precision: options.precision, kith: kithPrecision, sets: report}));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
