/** Projections that are two matrices in the file compute what their product computes. */
import { expect, test } from 'vitest';
import { architectureIn } from '../../src/architectures/load-variants.js';
import { type EngineOptions, load } from '../../src/engine/index.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { eigen } from '../../src/weights/low-rank.js';
import { openSource } from '../../src/weights/open-source.js';
import type { TensorContent } from '../support/gguf-writer.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';
import { type RandomModelOptions, randomModel } from '../support/random-model.js';

// Logits of these models spread by 2.5. What differs is the order of sums in f32, and keys and values that round to another
// half for it. 2.1e-4 was measured.
const LIMIT = 5e-4;

const MODEL: RandomModelOptions = { architecture: 'llama', type: 'F32', tokenizer: 'llama-bpe', seed: 41 };
const OPTIONS: EngineOptions = {
  kernelsUrl,
  attention: { method: 'dense' },
  kv: { keys: 'f16', values: 'f16', store: 'none' },
};
const IDS = Array.from(
  { length: 83 },
  (
    (next) => () =>
      next.below(200)
  )(random(42)),
);

const logitsOf = async (file: Uint8Array<ArrayBuffer>, options = OPTIONS): Promise<Float32Array> => {
  const model = await load(file, options);
  const context = await model.context();
  await context.append(IDS);
  const logits = (await context.logits()).slice();
  await model.close();
  return logits;
};
const furthest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

const isProjection = ({ name }: TensorContent): boolean =>
  /(attn_[qkvo]\w*|ffn_(gate|up|down))\.weight$/.test(name);
const matrix = (name: string, rows: number, cols: number, values: Float32Array): TensorContent => ({
  ...{ name, type: 'F32', shape: [cols, rows], values },
});

/** The product of a pair, summed in f64. */
const product = (a: TensorContent, b: TensorContent): TensorContent => {
  const [[cols, rank], [, rows]] = [a.shape, b.shape] as [[number, number], [number, number]];
  const values = Float32Array.from({ length: rows * cols }, (_, at) => {
    const [row, col] = [Math.floor(at / cols), at % cols];
    let sum = 0;
    for (let i = 0; i < rank; i++) sum += b.values![row * rank + i]! * a.values![i * cols + col]!;
    return sum;
  });
  return matrix(a.name.replace('_a.weight', '.weight'), rows, cols, values);
};

/** W = (W · V) · Vᵀ with the eigenvectors V of Wᵀ · W: its singular vectors, all of them. */
const split = ({ name, shape, values }: TensorContent): TensorContent[] => {
  const [cols, rows] = shape as [number, number];
  const w = (row: number, col: number): number => values![row * cols + col]!;
  const squares = new Float64Array(cols * cols);
  for (let i = 0; i < cols; i++) {
    for (let j = 0; j < cols; j++) {
      for (let row = 0; row < rows; row++) squares[i * cols + j]! += w(row, i) * w(row, j);
    }
  }
  const { vectors } = eigen(squares, cols);
  const high = Float32Array.from({ length: rows * cols }, (_, at) => {
    let sum = 0;
    for (let col = 0; col < cols; col++)
      sum += w(Math.floor(at / cols), col) * vectors[(at % cols) * cols + col]!;
    return sum;
  });
  return [
    matrix(name.replace('.weight', '_a.weight'), cols, cols, Float32Array.from(vectors)),
    matrix(name.replace('.weight', '_b.weight'), rows, cols, high),
  ];
};

test('pairs of rank 32 are the matrices of rank 32 that they multiply to', async () => {
  const pairs = { ...MODEL, rank: 32 };
  const joined = randomModel(pairs, (tensors) =>
    tensors.flatMap((tensor, i) => {
      if (tensor.name.endsWith('_b.weight')) return [];
      return tensor.name.endsWith('_a.weight') ? [product(tensor, tensors[i + 1]!)] : [tensor];
    }),
  );
  const [two, one] = [await logitsOf(randomModel(pairs)), await logitsOf(joined)];
  expect(furthest(two, one)).toBeLessThan(LIMIT);
  // Another model is further away, so that this can fail.
  expect(furthest(two, await logitsOf(randomModel(MODEL)))).toBeGreaterThan(1);
});

test('a model whose matrices are split by all their singular vectors is the model', async () => {
  const shape = { ...MODEL, hidden: 96, layers: 1 };
  const whole = randomModel(shape);
  const parts = randomModel(shape, (tensors) =>
    tensors.flatMap((tensor) => (isProjection(tensor) ? split(tensor) : [tensor])),
  );
  expect(furthest(await logitsOf(parts), await logitsOf(whole))).toBeLessThan(LIMIT);
});

test('some layers may have pairs, others not, and quantised ones cost the bytes of both matrices', async () => {
  const shape = { ...MODEL, type: 'Q8_0', rank: 32 } as const;
  const one = randomModel({ ...MODEL, type: 'Q8_0' });
  const mixed = randomModel(MODEL, (tensors) =>
    tensors.flatMap((tensor) => (tensor.name === 'blk.1.ffn_up.weight' ? split(tensor) : [tensor])),
  );
  expect(furthest(await logitsOf(mixed), await logitsOf(randomModel(MODEL)))).toBeLessThan(LIMIT);
  const bytes = await Promise.all(
    [randomModel(shape), one].map(async (file) => {
      const model = await load(file, OPTIONS);
      const { weightBytes } = model.info;
      await model.close();
      return weightBytes;
    }),
  );
  expect(bytes[0]).toBeLessThan(0.8 * bytes[1]!);
});

test('what cannot be a pair is refused by name', async () => {
  const cut = (name: string, rows: number) =>
    randomModel({ ...MODEL, rank: 32 }, (tensors) =>
      tensors.flatMap((tensor) => {
        if (tensor.name !== name) return [tensor];
        const [cols] = tensor.shape as [number];
        return rows ? [matrix(name, rows, cols, tensor.values!.subarray(0, rows * cols))] : [];
      }),
    );
  await expect(load(cut('blk.0.attn_q_a.weight', 31), OPTIONS)).rejects.toMatchObject({
    code: 'unsupported/architecture',
    details: { tensor: 'blk.0.attn_q_a.weight', rank: 31 },
  });
  await expect(load(cut('blk.1.ffn_down_b.weight', 64), OPTIONS)).rejects.toMatchObject({
    code: 'model/corrupt',
    details: { tensor: 'blk.1.ffn_down_b.weight', rows: 64 },
  });
  await expect(load(cut('blk.1.ffn_down_b.weight', 0), OPTIONS)).rejects.toMatchObject({
    code: 'model/corrupt',
    details: { tensor: 'blk.1.ffn_down_b.weight' },
  });
  // A matrix and a pair in its place: one of them would be left out.
  const both = randomModel({ ...MODEL, rank: 32 }, (tensors) => [
    ...tensors,
    matrix('blk.0.attn_q.weight', 128, 96, new Float32Array(128 * 96)),
  ]);
  await expect(load(both, OPTIONS)).rejects.toMatchObject({ code: 'unsupported/architecture' });
  const narrow = { ...OPTIONS, kv: { ...OPTIONS.kv, valueChannels: 16 } };
  await expect(load(randomModel({ ...MODEL, rank: 32 }), narrow)).rejects.toMatchObject({
    code: 'input/option',
    details: { option: 'kv.valueChannels' },
  });
});

test('a file without pairs keeps its architecture as it is', async () => {
  const file = await openGguf(openSource(randomModel(MODEL)));
  const architecture = await architectureIn(file);
  await file.close();
  expect('rank' in architecture.config(file.metadata)).toBe(false);
});
