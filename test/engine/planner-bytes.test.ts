/** What the planner says of memory, beside what `stats()` counts. */
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { type Costs, plan } from '../../src/facades/planner/index.js';
import type { Model } from '../../src/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, flattened, MODEL } from './bundled.js';

const TIMES = { token: 1e-3, pair: 1e-7, choice: 1e-8, step: 1e-2, key: 1e-6, look: 1e-7 };
const dense = { kernelsUrl, threads: 1, attention: { method: 'dense' } } as const;

/** Costs of a model of which pages are all that takes memory. */
const costsOf = ({ info }: Pick<Model, 'info'>, keys = info.keys): Costs => {
  const { pageSizes: sizes, values } = info;
  return { ...TIMES, bytes: (sizes.keys[keys] + sizes.values[values]) / 64, pages: { keys, values, sizes } };
};

test('pages take what was planned, to the byte, in each of the codecs', async () => {
  const file = await flattened();
  const first = await load(file, { ...dense, kv: { store: 'none' } });
  const ids = (await first.tokenize(book().slice(0, 4000))).slice(0, 700);
  const costs = costsOf(first, 'q4');
  await first.close();
  const taken: string[] = [];
  for (const memory of [1e9, 900_000, 700_000]) {
    for (const tokens of [640, 700]) {
      const way = plan(costs, { tokens, memory }).find(({ retention }) => !retention)!;
      const model = await load(file, { ...dense, kv: { ...way.kv!, store: 'none' } });
      const context = await model.context();
      await context.append(ids.slice(0, tokens));
      expect((await context.stats()).bytes.pages).toBe(way.pageBytes);
      taken.push(`${way.kv!.keys}/${way.kv!.values}`);
      await model.close();
    }
  }
  expect(new Set(taken)).toEqual(new Set(['q8/q8', 'q8/q4', 'q4/q4']));
});

test('a model of fewer channels is foretold with them', async () => {
  const first = await load(MODEL, { ...dense, kv: { store: 'none', keyChannels: 48, valueChannels: 48 } });
  const ids = (await first.tokenize(book().slice(0, 3000))).slice(0, 500);
  const way = plan(costsOf(first), { tokens: 500, memory: 540_000 })[0]!;
  await first.close();
  expect(way.kv).toEqual({ keys: 'q8', values: 'q4', keyChannels: 48, valueChannels: 48 });
  const model = await load(MODEL, { ...dense, kv: { ...way.kv!, store: 'none' } });
  const context = await model.context();
  await context.append(ids);
  expect((await context.stats()).bytes.pages).toBe(way.pageBytes);
  await model.close();
});

test('what is kept for an answer takes no more than was planned', async () => {
  const text = book().slice(0, 14_000);
  const first = await load(MODEL, { ...dense, kv: { store: 'none' } });
  const tokens = (await first.tokenize(text)).length;
  const costs = costsOf(first);
  const all = plan(costs, { tokens })[0]!.pageBytes!;
  await first.close();
  const way = plan(costs, { tokens, memory: all * 0.4 }).find(({ retention }) => retention)!;
  expect(way).toMatchObject({ fits: true, kv: { keys: 'q8', values: 'q4' } });
  const model = await load(MODEL, {
    ...dense,
    retention: way.retention!,
    kv: { ...way.kv!, store: 'memory' },
  });
  const session = await model.session();
  await session.append(text);
  await session.ask('Who came in?', { maxTokens: 8 }).text();
  const { bytes, pagesResident } = await session.stats();
  // The question and the answer come on top: a page or two of each layer.
  const page = (bytes.pages / pagesResident) * 6;
  expect(bytes.pages).toBeLessThanOrEqual(way.pageBytes! + 2 * page);
  expect(bytes.pages).toBeGreaterThan(way.pageBytes! / 8);
  await model.close();
});
