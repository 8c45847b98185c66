/** Values of fewer channels: the same function at full width, smaller pages below it. */
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { randomModel } from '../support/random-model.js';
import { apart, dense, read } from './behind-text.js';
import { book, MODEL } from './bundled.js';

// Floats, a bias in qwen2; several query heads share a KV head in both.
test.each(['llama', 'qwen2'] as const)('at full width %s computes what it did', async (architecture) => {
  const model = randomModel({ architecture, type: 'F32', tokenizer: 'llama-bpe', seed: 8, layers: 2 });
  const halves = { keys: 'f16', values: 'f16' } as const;
  const ids = Array.from({ length: 312 }, (_, i) => (i * 37) % 200);
  const plain = await read(model, ids, halves);
  const turned = await read(model, ids, { ...halves, valueChannels: plain.info.pageSizes.valueChannels });
  const most = Math.max(...plain.rows[0]!.map(Math.abs));
  plain.rows.forEach((row, n) => {
    row.forEach((x, i) => {
      // Values of other channels, rounded to halves.
      expect(Math.abs(turned.rows[n]![i]! - x)).toBeLessThan(most * 4e-3);
    });
  });
});

test('fewer channels take fewer bytes and cost more, step by step', async () => {
  const text = book().slice(9000, 11_000);
  const plain = await read(MODEL, text, {});
  const width = plain.info.pageSizes.valueChannels;
  let before = 0;
  // Nats: half as much again as docs/METHODS.md has, which these bound.
  const shares = [
    [1, 0.0008],
    [3 / 4, 0.07],
    [1 / 2, 0.6],
  ] as const;
  for (const [share, bound] of shares) {
    const channels = width * share;
    const found = await read(MODEL, text, { valueChannels: channels });
    const pages = plain.info.pageSizes.values.q8 - found.info.pageSizes.values.q8;
    expect(plain.bytes - found.bytes).toBe(5 * pages);
    const cost = apart(plain.rows, found.rows);
    expect(cost).toBeGreaterThan(before);
    expect(cost).toBeLessThan(bound);
    before = cost;
  }
});

test('refuses what pages cannot hold', async () => {
  for (const valueChannels of [24, 8, 512]) {
    await expect(load(MODEL, { ...dense, kv: { valueChannels, store: 'none' } })).rejects.toMatchObject({
      code: 'input/option',
    });
  }
});
