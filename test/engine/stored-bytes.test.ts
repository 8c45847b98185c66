/** Bytes at rest of a text, counted, against the formula: f16, one scale for a vector, a scale and a minimum for 32 values. */
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { Context } from '../../src/generate/context.js';
import { createPager } from '../../src/kv/pager.js';
import { decodeHead } from '../../src/kv/records.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { book, flattened, openBundled } from './bundled.js';

/** Bytes of a vector of `dim` channels. */
const VECTOR = {
  f16: (dim: number) => 2 * dim,
  q8: (dim: number) => dim + 2,
  q4: (dim: number) => dim / 2 + 4 * Math.ceil(dim / 32),
  q2: (dim: number) => dim / 4 + 4 * Math.ceil(dim / 32),
};
/** Of the keys of a page, for one KV head: their mean in int8 and its scales; two planes of signs with a scale for each token. */
const SKETCH = (dim: number): number => dim + 16 + 2 * 64 * (2 + dim / 8);
const SEGMENT = 256;
/** Header and digest of an envelope. */
const SEALED = 32;
const SEGMENTS = 2;

/** The rows of the table in docs/LIMITS.md, without the commas. */
const stated = new Map(
  [...readFileSync('docs/LIMITS.md', 'utf8').matchAll(/^\| (\w+\/\w+) \|((?: [\d,]+ \|){5})$/gm)].map(
    ([, codecs, numbers]) => [
      codecs!,
      numbers!
        .split('|')
        .slice(0, -1)
        .map((one) => Number(one.replaceAll(',', ''))),
    ],
  ),
);

const pairs = [
  ...(['q8', 'f16'] as const).flatMap((keys) =>
    (['q8', 'q4', 'q2', 'f16'] as const).map((values) => ({ keys, values })),
  ),
  { keys: 'q4', values: 'q4' } as const,
];

test('the table in LIMITS has every pair of codecs', () => {
  expect([...stated.keys()].sort()).toEqual(pairs.map(({ keys, values }) => `${keys}/${values}`).sort());
});

/** Reads the beginning of the book and counts what is then stored, part by part. */
const count = async ({ keys, values }: (typeof pairs)[number], attention: AttentionOptions) => {
  const file = keys === 'q4' ? await flattened() : undefined;
  const model = await openBundled({ attention, kv: { store: 'memory', keys, values } }, file);
  const { archive, store } = model.kept!;
  const { layers, kvHeads, headDim: keyDim } = model.reader.config;
  const ids = (await model.tokenizer.encode(book().slice(0, 6000))).slice(0, SEGMENTS * SEGMENT);
  expect(ids.length).toBe(SEGMENTS * SEGMENT);
  const context = new Context(model.reader, createPager(archive, SEGMENT));
  await context.append(ids, false);
  context.close();
  await archive.drained();

  const perToken = layers * kvHeads * (VECTOR[keys](keyDim) + VECTOR[values](keyDim));
  // Each has four numbers in front of its pages, and one for each of its layers.
  const around = archive.groups.reduce((sum, { from, to }) => sum + SEALED + 16 + 4 * (to - from), 0);
  const pages = await store.size('pages/');
  expect(pages).toBe(SEGMENTS * (SEGMENT * perToken + around));

  const sketches = attention.method === 'dhsa';
  let heads = 0;
  for (const bytes of await store.getMany(await store.list('head/'))) {
    const { chunks } = decodeHead(bytes!).found!;
    let expected = 0;
    if (sketches) {
      // A boundary and the mean of K in f16 of every chunk; one sketch of K for every page.
      const closed = new DataView(chunks.buffer, chunks.byteOffset).getUint32(0, true);
      expect(closed).toBeGreaterThan(0);
      const sketch = (SEGMENT / 64) * SKETCH(keyDim);
      expected = 4 + closed * 4 + layers * kvHeads * (closed * 2 * keyDim + sketch);
    }
    expect(chunks.length).toBe(expected);
    heads += SEALED + 12 + 4 * SEGMENT + Math.ceil(expected / 4) * 4;
  }
  expect(await store.size('head/')).toBe(heads);
  // Who used what, and what it was made with: a kilobyte for a text, not for a token.
  expect((await store.size('')) - pages - heads).toBeLessThan(1500);
  await model.close();
  return { perToken, pages, heads };
};
/** Without a choice of what to read there is nothing but tokens in a head, whatever the codecs. */
let plain: Awaited<ReturnType<typeof count>>;
beforeAll(async () => {
  plain = await count({ keys: 'q8', values: 'q8' }, { method: 'dense' });
});

test.each(
  pairs,
)('$keys/$values: pages and heads are as long as the formula says, and LIMITS too', async (pair) => {
  const { perToken, pages, heads } = await count(pair, { method: 'dhsa', budget: 256 });
  const perThousand = (bytes: number): number => Math.round((1000 * bytes) / (SEGMENTS * SEGMENT));
  expect(stated.get(`${pair.keys}/${pair.values}`)).toEqual([
    1000 * perToken,
    perThousand(pages),
    perThousand(plain.heads),
    perThousand(heads),
    perThousand(pages + heads),
  ]);
});
