/** Rows that use some of their heads (MoH, arXiv 2410.11842). */
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';
import { type RandomModelOptions, randomModel } from '../support/random-model.js';

const MODEL: RandomModelOptions = {
  ...{ architecture: 'llama', type: 'F32', tokenizer: 'llama-bpe', seed: 51 },
  ...{ heads: 8, kvHeads: 2, headDim: 16, layers: 2 },
};
const IDS = Array.from(
  { length: 70 },
  (
    (next) => () =>
      next.below(200)
  )(random(52)),
);

const fileOf = (options: Partial<RandomModelOptions>) => randomModel({ ...MODEL, ...options });
const open = (file: Uint8Array<ArrayBuffer>) =>
  load(file, { kernelsUrl, attention: { method: 'dense' }, kv: { store: 'none' } });

/** Logits behind the ids, appended in pieces of these lengths. */
const logitsOf = async (file: Uint8Array<ArrayBuffer>, pieces = [IDS.length]): Promise<Float32Array> => {
  const model = await open(file);
  const context = await model.context();
  let read = 0;
  for (const length of pieces) {
    await context.append(IDS.slice(read, read + length));
    read += length;
  }
  const logits = (await context.logits()).slice();
  await model.close();
  return logits;
};
const furthest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

test('with all heads in use the model is the model without routing, bit for bit', async () => {
  const plain = await logitsOf(fileOf({}));
  expect(await logitsOf(fileOf({ shared: 4, used: 4 }))).toEqual(plain);
  expect(await logitsOf(fileOf({ used: 8 }))).toEqual(plain);
  // One head less is another model.
  expect(furthest(await logitsOf(fileOf({ used: 7 })), plain)).toBeGreaterThan(0.01);
});

// A share of 1/n, n times, is 1 or next to it; what differs may round to other codes of q8 keys. 0 was measured.
test('with all heads in use and routers of zeros it is the same but for rounding', async () => {
  const plain = await logitsOf(fileOf({}));
  const indifferent = (shared: number, used: number) => {
    const rows = shared > 0 ? 10 : 8;
    return randomModel({ ...MODEL, shared, used }, (tensors) => [
      ...tensors,
      ...[0, 1].map((layer) => ({
        ...{ name: `blk.${layer}.attn_router.weight`, type: 'F32' as const },
        ...{ shape: [96, rows], values: new Float32Array(rows * 96) },
      })),
    ]);
  };
  for (const shared of [0, 3]) {
    expect(furthest(await logitsOf(indifferent(shared, 8 - shared)), plain)).toBeLessThan(0.01);
    expect(furthest(await logitsOf(indifferent(shared, 7 - shared)), plain)).toBeGreaterThan(0.2);
  }
});

test('what a row uses does not depend on the rows beside it', async () => {
  const file = fileOf({ shared: 2, used: 3, router: true });
  const whole = await logitsOf(file);
  for (const pieces of [
    [1, 69],
    [33, 36, 1],
  ])
    expect(await logitsOf(file, pieces)).toEqual(whole);
});

test('what cannot be routed is refused', async () => {
  for (const wrong of [{ used: 0 }, { used: 9 }, { shared: 6, used: 3 }]) {
    await expect(open(fileOf(wrong))).rejects.toMatchObject({
      code: 'unsupported/architecture',
      details: { heads: 8, ...wrong },
    });
  }
  // Routers without a count of heads.
  await expect(open(fileOf({ router: true }))).rejects.toMatchObject({
    code: 'model/corrupt',
    details: { key: 'llama.attention.head_used_count' },
  });
  // Some layers only.
  const file = randomModel({ ...MODEL, used: 4, router: true }, (tensors) =>
    tensors.filter(({ name }) => name !== 'blk.1.attn_router.weight'),
  );
  await expect(open(file)).rejects.toMatchObject({
    code: 'model/corrupt',
    details: { tensor: 'blk.1.attn_router.weight' },
  });
});
