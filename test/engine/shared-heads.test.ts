/** Fewer heads of keys than of values: a file that has them once is the file that has them for every head. */
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { TensorContent } from '../support/gguf-writer.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';
import { type RandomModelOptions, randomModel } from '../support/random-model.js';

const IDS = Array.from(
  { length: 70 },
  (
    (next) => () =>
      next.below(200)
  )(random(62)),
);
const open = (file: Uint8Array<ArrayBuffer>) =>
  load(file, { kernelsUrl, attention: { method: 'dense' }, kv: { store: 'none' } });
const logitsOf = async (file: Uint8Array<ArrayBuffer>): Promise<Float32Array> => {
  const model = await open(file);
  const context = await model.context();
  await context.append(IDS);
  const logits = (await context.logits()).slice();
  await model.close();
  return logits;
};

/** Every head of 32 rows, twice. */
const twice = ({ name, type, shape, values }: TensorContent): TensorContent => {
  const [cols, rows] = shape.length === 1 ? [1, shape[0]!] : (shape as [number, number]);
  const all = new Float32Array(2 * rows * cols);
  for (let row = 0; row < 2 * rows; row++) {
    const from = (Math.floor(row / 64) * 32 + (row % 32)) * cols;
    all.set(values!.subarray(from, from + cols), row * cols);
  }
  return { name, type, shape: shape.length === 1 ? [2 * rows] : [cols, 2 * rows], values: all };
};

const BASE = { architecture: 'qwen2', tokenizer: 'llama-bpe', seed: 61, layers: 2, kvHeads: 4 } as const;

test.each([
  ['F32', 'keyHeads', /attn_k/, {}],
  ['Q8_0', 'keyHeads', /attn_k/, {}],
  ['Q4_0', 'valueHeads', /attn_v/, {}],
  // Of a pair the second matrix has the heads.
  ['F32', 'keyHeads', /attn_k(_b\.weight|\.bias)/, { rank: 32 }],
] as const)('%s: 2 %s of 4 are read as if each stood twice in the file, bit for bit', async (type, which, names, more) => {
  const shape: RandomModelOptions = { ...BASE, ...more, type, [which]: 2 };
  const repeated = randomModel(shape, (tensors) =>
    tensors.map((tensor) => (names.test(tensor.name) ? twice(tensor) : tensor)),
  );
  const text = new TextDecoder('latin1').decode(repeated);
  const key = `qwen2.attention.head_count_${which === 'keyHeads' ? 'k' : 'v'}`;
  // The count behind the key and its type, u32, becomes that of all heads.
  new DataView(repeated.buffer).setUint32(text.indexOf(`${key}\x04\0\0\0`) + key.length + 4, 4, true);
  expect(await logitsOf(randomModel(shape))).toEqual(await logitsOf(repeated));
});

test('counts that do not divide the heads, and heads in a tensor of all, are refused', async () => {
  for (const keyHeads of [3, 8]) {
    await expect(open(randomModel({ ...BASE, type: 'F32', keyHeads }))).rejects.toMatchObject({
      code: 'unsupported/architecture',
    });
  }
  const fused = randomModel({ ...BASE, architecture: 'phi3', type: 'F32', keyHeads: 2 });
  await expect(open(fused)).rejects.toMatchObject({ code: 'unsupported/architecture' });
});
