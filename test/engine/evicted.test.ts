/** What a model says where a part of the text was dropped, and where means or trained kernels stand for it. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { Context } from '../../src/generate/context.js';
import type { RetentionOptions } from '../../src/policies/index.js';
import { parseSafetensors } from '../../src/weights/safetensors.js';
import { logProbabilities } from '../support/plain-model.js';
import { type WrittenTensor, writeSafetensors } from '../support/safetensors-writer.js';
import { book, openBundled } from './bundled.js';

const KERNELS = 'examples/models/book-reader-5m-less.safetensors';
const TOKENS = 1200;
const ROWS = 32;
let ids: number[];
let wanted: Float64Array[];

/** Log-probabilities after each of the rows that follow the text. */
const rowsOf = async (retention: RetentionOptions): Promise<Float64Array[]> => {
  const model = await openBundled({ attention: { method: 'dense' }, kv: { store: 'none' }, retention });
  ids ??= (await model.tokenizer.encode(book().slice(30_000, 40_000))).slice(0, TOKENS + ROWS);
  const context = new Context(model.reader);
  await context.append(ids.slice(0, TOKENS - 64), false);
  await context.append(ids.slice(TOKENS - 64, TOKENS), true);
  const rows: Float64Array[] = [];
  for (let row = 0; row < ROWS; row++) {
    context.push(ids[TOKENS + row]!);
    rows.push(Float64Array.from(logProbabilities(await context.logits())));
  }
  await model.close();
  return rows;
};
const divergence = async (retention: RetentionOptions): Promise<number> => {
  const found = await rowsOf(retention);
  let sum = 0;
  for (const [row, own] of wanted.entries())
    for (const [token, log] of own.entries()) sum += Math.exp(log) * (log - found[row]![token]!);
  return sum / ROWS;
};

beforeAll(async () => {
  wanted = await rowsOf({ policy: 'keep-all' });
}, 60_000);

/** The kernels with those of each layer's heads in the opposite order: every head has another one's. */
const swapped = (): Uint8Array<ArrayBuffer> => {
  const file = parseSafetensors(new Uint8Array(readFileSync(KERNELS)), KERNELS);
  const tensors = new Map<string, WrittenTensor>();
  for (const name of file.names) {
    const shape = file.shapeOf(name);
    const numbers = file.read(name, shape);
    const each = numbers.length / shape[0]!;
    const values = numbers.map(
      (_, at) => numbers[(shape[0]! - 1 - Math.floor(at / each)) * each + (at % each)]!,
    );
    tensors.set(name, { shape, values });
  }
  return writeSafetensors(tensors);
};

test.each([
  { policy: 'snap-kv', density: 0.25 },
  { policy: 'h2o', density: 0.25, every: 8 },
] as const)('is nearer to the whole with means, and with kernels, each head with its own: %j', async (retention) => {
  const [dropped, means, kernels, others] = [
    await divergence(retention),
    await divergence({ ...retention, evicted: 'mean' }),
    await divergence({ ...retention, evicted: 'less', kernels: KERNELS }),
    await divergence({ ...retention, evicted: 'less', kernels: swapped() }),
  ];
  expect(means).toBeLessThan(dropped);
  expect(kernels).toBeLessThan(means);
  expect(kernels).toBeLessThan(others);
}, 60_000);

test('kernels stay with the model and the choice that they were asked for', async () => {
  const asked = { policy: 'snap-kv', evicted: 'less', kernels: KERNELS } as const;
  const model = await openBundled({ kv: { store: 'none' }, retention: asked });
  expect(model.info.retention).toMatch(/ evicted=less [0-9a-f]{32} /);
  // A session may have its own, whatever the model keeps.
  const { retain } = await model.retention({ ...asked, kernels: new Uint8Array(readFileSync(KERNELS)) });
  expect(retain?.wholeContext).toBe(true);
  for (const [options, code] of [
    [{ ...asked, kernels: undefined }, 'input/option'],
    [{ ...asked, evicted: 'mean' }, 'input/option'],
    [{ ...asked, kernels: 'no such file' }, 'model/unreachable'],
    [{ ...asked, kernels: 'examples/models/book-reader-5m-gates.safetensors' }, 'model/corrupt'],
    [{ ...asked, kernels: new Uint8Array(3) }, 'model/corrupt'],
  ] as const)
    await expect(model.retention(options as never)).rejects.toMatchObject({ code });
  await model.close();
});
