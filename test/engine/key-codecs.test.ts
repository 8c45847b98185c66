/** What narrower pages cost on the bundled models, and which models may have keys in q4. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { KvOptions } from '../../src/engine/kv-options.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { divergenceOf } from '../../src/weights/key-divergence.js';
import { openSource } from '../../src/weights/open-source.js';
import { patched } from '../support/gguf-surgery.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, GEMMA3, MODEL } from './bundled.js';

const TOKENS = 1200;
const ROWS = 24;
const dense = { kernelsUrl, threads: 1, attention: { method: 'dense' } } as const;

/** Logits behind the last tokens of a passage of the book. */
const logitsWith = async (file: string, kv: KvOptions): Promise<Float32Array[]> => {
  const model = await load(file, { ...dense, kv: { ...kv, store: 'none' } });
  const ids = (await model.tokenize(book().slice(9000, 15_000))).slice(0, TOKENS);
  const context = await model.context();
  await context.append(ids.slice(0, TOKENS - ROWS));
  const rows: Float32Array[] = [];
  for (const id of ids.slice(TOKENS - ROWS)) {
    await context.append([id]);
    rows.push((await context.logits()).slice());
  }
  await model.close();
  return rows;
};

const exact = new Map<string, readonly Float32Array[]>();
beforeAll(async () => {
  for (const file of [MODEL, GEMMA3]) exact.set(file, await logitsWith(file, { keys: 'f16', values: 'f16' }));
}, 60_000);

// Nats; more than twice what docs/METHODS.md has as measured.
test.each([
  [MODEL, 'q8', 'q8', 0.001],
  [MODEL, 'q8', 'q4', 0.01],
  [MODEL, 'q8', 'q2', 0.19],
  [GEMMA3, 'q8', 'q8', 0.0005],
  [GEMMA3, 'q8', 'q4', 0.0015],
  [GEMMA3, 'q8', 'q2', 0.022],
  [GEMMA3, 'q4', 'q4', 0.004],
] as const)('%s: %s keys and %s values foretell nearly what halves do', async (file, keys, values, bound) => {
  const found = await logitsWith(file, { keys, values });
  const mean = exact.get(file)!.reduce((sum, row, n) => sum + divergenceOf(row, found[n]!), 0) / ROWS;
  expect(mean).toBeLessThan(bound);
  expect(mean).toBeGreaterThan(0);
});

/**
 * MODEL with one pair of channels of its keys in layer 1 a hundred times as large, and of its queries as much
 * smaller: the same function, and keys with an outlier.
 */
const withOutliers = async (): Promise<Uint8Array<ArrayBuffer>> => {
  const file = new Uint8Array(readFileSync(MODEL));
  const { tensors } = await openGguf(await openSource(file));
  const scale = (view: DataView, name: string, factor: number): void => {
    const { offset, cols } = tensors.get(`blk.1.${name}.weight`)!;
    for (const channel of [3, 3 + cols / 2]) {
      const at = offset + 4 * channel;
      view.setFloat32(at, view.getFloat32(at, true) * factor, true);
    }
  };
  return patched(file, (view) => {
    scale(view, 'attn_k_norm', 100);
    scale(view, 'attn_q_norm', 1 / 100);
  });
};

test('keys in q4 are for models that bear them', async () => {
  const kv = { store: 'none' } as const;
  for (const keys of ['q4', 'auto'] as const) {
    const model = await load(GEMMA3, { ...dense, kv: { ...kv, keys } });
    expect(model.info.keys).toBe('q4');
    await model.close();
  }
  for (const [other, values] of [
    [MODEL, 'q4'],
    [await withOutliers(), 'q8'],
  ] as const) {
    await expect(load(other, { ...dense, kv: { ...kv, keys: 'q4', values } })).rejects.toMatchObject({
      code: 'input/option',
      details: { option: 'kv.keys' },
    });
    const model = await load(other, { ...dense, kv: { ...kv, keys: 'auto', values } });
    expect(model.info.keys).toBe('q8');
    await model.close();
  }
});
