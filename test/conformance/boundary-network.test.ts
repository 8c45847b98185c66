/** DHSA's trained boundaries: the network is PyTorch's and the reference's, and what it says is a boundary is one. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend, Boundaries } from '../../src/backends/backend.js';
import { gapLogits, readNetwork } from '../../src/predictors/boundary-network.js';
import { openPredictor } from '../../src/predictors/index.js';
import { judgeOf } from '../../src/predictors/learned-boundaries.js';
import { parseSafetensors } from '../../src/weights/safetensors.js';
import { createRefBackend } from '../reference/backend.js';
import { gapLogit } from '../reference/boundary-network.js';
import { writeSafetensors } from '../support/safetensors-writer.js';
import { makeWasmBackend } from './make-backend.js';
import { createReading, putPages, type ReadingOptions } from './reading.js';

const FILE = 'test/golden/boundary-network.safetensors';
const bytes = new Uint8Array(readFileSync(FILE));
const network = readNetwork(bytes, FILE);
const file = parseSafetensors(bytes, FILE);
const keys = file.read('golden.keys', [40, 32]);

let backend: Backend;
beforeAll(async () => {
  backend = await makeWasmBackend({ build: 'simd128' });
});
afterAll(() => backend.close());

test('logits are those of PyTorch and of the reference', () => {
  const found = gapLogits(network, keys, 40);
  const wanted = file.read('golden.logits', [33]);
  expect(Math.max(...wanted) - Math.min(...wanted)).toBeGreaterThan(1);
  found.forEach((logit, gap) => {
    expect(Math.abs(logit - wanted[gap]!)).toBeLessThan(1e-3);
    const tokens = Array.from({ length: 8 }, (_, i) => [
      ...keys.subarray((gap + i) * 32, (gap + i + 1) * 32),
    ]);
    expect(Math.abs(logit - gapLogit(network, tokens))).toBeLessThan(1e-3);
  });
});

test('the same numbers with other heads are another function: a file without its head count is refused', () => {
  const [four, eight] = [network, { ...network, heads: 8 }].map((one) => gapLogits(one, keys, 40));
  expect(Math.max(...four!.map((x, i) => Math.abs(x - eight![i]!)))).toBeGreaterThan(0.01);
  const tensors = new Map(
    file.names.map((name) => [
      name,
      { shape: file.shapeOf(name), values: file.read(name, file.shapeOf(name)) },
    ]),
  );
  expect(readNetwork(writeSafetensors(tensors, { heads: '4', window: '4' }), 'it')).toEqual(network);
  for (const metadata of [{}, { window: '4' }, { heads: '4' }, { heads: '3', window: '4' }]) {
    expect(() => readNetwork(writeSafetensors(tensors, metadata as Record<string, string>), 'it')).toThrow(
      /no boundary network/,
    );
  }
  tensors.delete('norm.bias');
  expect(() => readNetwork(writeSafetensors(tensors, { heads: '4', window: '4' }), 'it')).toThrow(
    /norm\.bias/,
  );
});

const learned = (threshold: number): Extract<Boundaries, { source: 'contrast' }> => ({
  ...{ source: 'contrast', window: 4, perPage: 4, minimum: 8 },
  judge: judgeOf(network, threshold, 'golden'),
});

const boundariesOf = async (on: Backend, options: ReadingOptions, threshold: number, stops?: number[]) => {
  const reading = await createReading(options);
  const { kvHeads, keyDim } = reading.shape;
  const kv = putPages(on, reading);
  const shape = { boundaries: learned(threshold), layers: 1, kvHeads, keyDim, means: true, sketches: false };
  const index = on.chunkIndex('chunks', shape);
  for (const tokens of stops ?? [reading.tokens]) on.segment(index, kv, tokens, reading.marks);
  return [...(await on.readBoundaries(index))];
};

test.each(['q8', 'f16'] as const)('boundaries in %s keys are those of the reference', async (keys) => {
  const options = { tokens: 330, kvHeads: 2, dim: 16, keys };
  for (const threshold of [-1, 1.1]) {
    const found = await boundariesOf(backend, options, threshold);
    expect(found).toEqual(await boundariesOf(createRefBackend(), options, threshold));
    // In pieces, and found again, they are the same, and the old ones never move.
    expect(await boundariesOf(backend, options, threshold, [1, 64, 65, 200, 330])).toEqual(found);
    expect(await boundariesOf(backend, options, threshold, [330, 130, 330])).toEqual(found);
    const short = await boundariesOf(backend, { ...options, tokens: 200 }, threshold);
    expect(found.slice(0, short.length)).toEqual(short);
    // None is closer than 9 tokens but what cuts a chunk of 64, and none where its right context was not there.
    found.slice(1).forEach((b, i) => {
      const length = b - found[i]!;
      expect(length).toBeLessThanOrEqual(64);
      expect(length > 8 || found[i]! - (found[i - 1] ?? 0) === 64).toBe(true);
    });
    expect(found.at(-1)).toBeLessThan(Math.floor(330 / 64) * 64 - 4);
  }
  expect((await boundariesOf(backend, options, -1)).length).toBeGreaterThan(12);
});

test('where no gap is above the threshold, chunks are cut every 64 tokens', async () => {
  const found = await boundariesOf(backend, { tokens: 330, kvHeads: 2, dim: 16 }, 100);
  expect(found).toEqual([0, 64, 128, 192, 256]);
});

test('the option is plain, names its file in pages that are stored, needs a CPU and a file for these keys', async () => {
  const predictor = await openPredictor({ method: 'dhsa', boundaries: 'learned', predictor: bytes });
  const same = await openPredictor({
    method: 'dhsa',
    boundaries: 'learned',
    predictor: FILE,
    threshold: 1.1,
  });
  expect(predictor.needs.host).toBe(true);
  expect(same.signature).toBe(predictor.signature);
  const others = await Promise.all([
    openPredictor({ method: 'dhsa' }),
    openPredictor({ method: 'dhsa', boundaries: 'learned', predictor: bytes, threshold: 2 }),
  ]);
  for (const other of others) expect(other.signature).not.toBe(predictor.signature);
  await expect(openPredictor({ method: 'dhsa', boundaries: 'learned' })).rejects.toMatchObject({
    code: 'input/option',
  });
  const missing = openPredictor({ method: 'dhsa', boundaries: 'learned', predictor: 'nowhere.safetensors' });
  await expect(missing).rejects.toMatchObject({ code: 'model/unreachable' });
  await expect(boundariesOf(backend, { tokens: 100, kvHeads: 2, dim: 64 }, 1)).rejects.toMatchObject({
    code: 'input/option',
  });
});
