/** Keys of fewer channels: the same function at full width and where the others are nothing, smaller pages below it. */
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { patched } from '../support/gguf-surgery.js';
import { randomModel } from '../support/random-model.js';
import { apart, dense, read } from './behind-text.js';
import { book, GEMMA3, MODEL, withFact } from './bundled.js';

const IDS = Array.from({ length: 312 }, (_, i) => (i * 37) % 200);
const HALVES = { keys: 'f16', values: 'f16' } as const;
/** Of a random model. */
const WIDTH = 32;

const most = (rows: readonly Float32Array[]): number => Math.max(...rows[0]!.map(Math.abs));
const gapOf = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  Math.max(...a.map((row, n) => Math.max(...row.map((x, i) => Math.abs(x - b[n]![i]!)))));

/** The model, with queries that are nothing in every other pair of channels, another half of them in every other layer. */
const halved = async (
  file: Uint8Array<ArrayBuffer>,
  pairing: 'half' | 'adjacent',
): Promise<Uint8Array<ArrayBuffer>> => {
  const { tensors } = await openGguf(await openSource(file));
  return patched(file, (view) => {
    for (const [name, { offset, rows, cols }] of tensors) {
      const [, layer, part] = name.match(/^blk\.(\d+)\.(attn_q(?:_norm)?\.(?:weight|bias))$/) ?? [];
      if (!part) continue;
      const isVector = rows === 1 || part !== 'attn_q.weight';
      const [count, width] = isVector ? [rows * cols, 1] : [rows, cols];
      for (let row = 0; row < count; row++) {
        const channel = row % WIDTH;
        const pair = pairing === 'half' ? channel % (WIDTH / 2) : channel >> 1;
        if ((pair + Number(layer)) % 2 === 0) continue;
        for (let i = 0; i < width; i++) view.setFloat32(offset + 4 * (row * width + i), 0, true);
      }
    }
  });
};

// Turned in adjacent pairs, in halves with biases, in halves with norms of every head.
test.each([
  ['llama', 'adjacent'],
  ['qwen2', 'half'],
  ['qwen3', 'half'],
] as const)('%s, where half of the channels of queries are nothing: half of the keys is enough', async (architecture, pairing) => {
  const whole = randomModel({ architecture, type: 'F32', tokenizer: 'llama-bpe', seed: 8, layers: 2 });
  const model = await halved(whole, pairing);
  const full = await read(model, IDS, HALVES);
  const half = await read(model, IDS, { ...HALVES, keyChannels: WIDTH / 2 });
  expect(half.info.pageSizes.keyChannels).toBe(WIDTH / 2);
  expect(gapOf(full.rows, half.rows)).toBeLessThan(most(full.rows) * 1e-5);
  // Where they are not nothing, it is another model.
  const [all, some] = [
    await read(whole, IDS, HALVES),
    await read(whole, IDS, { ...HALVES, keyChannels: WIDTH / 2 }),
  ];
  expect(gapOf(all.rows, some.rows)).toBeGreaterThan(most(all.rows) * 1e-3);
});

test.each([
  ['llama', {}],
  ['phi3', { ropeDim: 16 }],
  ['gemma3', {}],
] as const)('at full width %s computes what it did, bit for bit', async (architecture, more) => {
  const model = randomModel({ architecture, type: 'F32', tokenizer: 'llama-bpe', seed: 8, ...more });
  for (const keys of ['f16', 'q8'] as const) {
    const plain = await read(model, IDS, { keys });
    const kept = await read(model, IDS, { keys, keyChannels: plain.info.pageSizes.keyChannels });
    expect(kept.rows).toEqual(plain.rows);
  }
});

test('fewer channels take fewer bytes and cost more, step by step', async () => {
  const text = book().slice(9000, 11_000);
  const plain = await read(MODEL, text, {});
  const width = plain.info.pageSizes.keyChannels;
  let before = 0;
  // Nats: half as much again as docs/METHODS.md has, which these bound.
  for (const [share, bound] of [
    [3 / 4, 0.033],
    [1 / 2, 0.14],
  ] as const) {
    const found = await read(MODEL, text, { keyChannels: width * share });
    const pages = plain.info.pageSizes.keys.q8 - found.info.pageSizes.keys.q8;
    expect(pages).toBeGreaterThan(0);
    expect(plain.bytes - found.bytes).toBe(5 * pages);
    const cost = apart(plain.rows, found.rows);
    expect(cost).toBeGreaterThan(before);
    expect(cost).toBeLessThan(bound);
    before = cost;
  }
});

test('layers that slide keep all channels', async () => {
  const [plain, found] = [
    await read(GEMMA3, IDS, {}, { maxTokens: 512 }),
    await read(GEMMA3, IDS, { keyChannels: 32 }, { maxTokens: 512 }),
  ];
  // One layer in six reads everything.
  expect(plain.bytes - found.bytes).toBe(5 * (plain.info.pageSizes.keys.q8 - found.info.pageSizes.keys.q8));
});

// Methods that look at keys through what was trained, or noted, for all of their channels.
test.each<EngineOptions>([
  { attention: { method: 'dhsa', density: 0.3 } },
  { attention: { method: 'quest', density: 0.3 } },
  { attention: { method: 'retrieval', density: 0.3 } },
  { attention: { method: 'hyper-attention', density: 0.3 } },
  { retention: { policy: 'expected', density: 0.5 } },
  { retention: { policy: 'snap-kv', density: 0.9, evicted: 'mean' } },
])('a fact is found among three quarters of the channels: %j', async (options) => {
  const model = await load(MODEL, { ...dense, ...options, kv: { keyChannels: 48, store: 'none' } });
  const session = await model.session();
  await session.append(withFact(3000, 'The value of nora is 4711.'));
  const asked = session.ask('What is the value of nora?', { maxTokens: 24, sources: true });
  expect(await asked.text()).toContain('4711');
  expect((await asked.finish).sources!.length).toBeGreaterThan(10);
  await model.close();
});

test.each<EngineOptions>([
  { attention: { method: 'seer', gates: 'examples/models/book-reader-5m-gates.safetensors' } },
  {
    retention: {
      ...{ policy: 'snap-kv', evicted: 'less' },
      kernels: 'examples/models/book-reader-5m-less.safetensors',
    },
  },
  {
    attention: {
      ...{ method: 'dhsa', boundaries: 'learned' },
      predictor: 'examples/models/book-reader-5m-boundaries.safetensors',
    },
  },
])('what was trained for all channels is refused: %j', async (options) => {
  const model = await load(MODEL, { ...dense, ...options, kv: { keyChannels: 32, store: 'none' } });
  await expect(model.context().then((context) => context.append(IDS))).rejects.toMatchObject({
    code: 'input/option',
    message: expect.stringMatching(/32 channels|64/),
  });
  await model.close();
});

test('refuses what pages cannot hold', async () => {
  for (const keyChannels of [24, 8, 512]) {
    await expect(load(MODEL, { ...dense, kv: { keyChannels, store: 'none' } })).rejects.toMatchObject({
      code: 'input/option',
    });
  }
});
