/** Documents ranked by what a question looks at: none sees another, order does not matter, and what was read stays read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load, type Model } from '../../src/engine/index.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { createRanking, type Ranked } from '../../src/generate/rank.js';
import { forward, stateOf, tooLong } from '../../src/generate/reader.js';
import { createTurnEncoder } from '../../src/generate/turn-encoder.js';
import type { ContextState } from '../../src/model/state.js';
import { kernelsUrl } from '../support/kernels.js';
import { shelf as shelfOf } from '../support/shelf.js';
import { book, MODEL, openBundled } from './bundled.js';

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: { code: string }) => error.code,
  );

const DOCUMENTS = 8;

const shelf = (seed: number) => shelfOf(book(), seed, DOCUMENTS);

const shares = (ranked: readonly Ranked[]): number[] =>
  [...ranked].sort((a, b) => a.document - b.document).map(({ share }) => share);

describe('a session', () => {
  let model: Model;
  beforeAll(async () => {
    model = await load(MODEL, { kernelsUrl, threads: 1, kv: { store: 'none' } });
  });
  afterAll(() => model.close());

  test('finds the document that answers, at least 10 times of 12, and shares are shares', async () => {
    let right = 0;
    for (const seed of [100, 101, 102]) {
      const { documents, facts } = shelf(seed);
      const session = await model.session();
      for (const want of [0, 2, 5, 7]) {
        const found = await session.rank(documents, facts[want]!.question);
        expect(shares(found).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        expect(found.map(({ document }) => document).sort()).toEqual([...documents.keys()]);
        for (let i = 1; i < found.length; i++)
          expect(found[i]!.share).toBeLessThanOrEqual(found[i - 1]!.share);
        if (found[0]!.document === want) right += 1;
      }
      expect((await session.stats()).tokens).toBe(0);
      await session.close();
    }
    expect(right).toBeGreaterThanOrEqual(10);
  });

  test('nothing to rank, twice the same, nothing at all in one', async () => {
    const { documents, facts } = shelf(100);
    const session = await model.session();
    expect(await session.rank([], 'Who?')).toEqual([]);
    const [text = ''] = documents;
    const twice = await session.rank([text, '', text], facts[0]!.question);
    const [first, none, second] = shares(twice);
    expect(none).toBe(0);
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(0);
    expect(first! + second!).toBeCloseTo(1, 9);
  });

  test('what cannot be ranked is refused', async () => {
    const session = await model.session();
    const code = (documents: unknown, options = {}) =>
      codeOf(session.rank(documents as string[], 'Who?', options));
    expect(await code('one text')).toBe('input/type');
    expect(await code(['a', 3])).toBe('input/type');
    expect(await code(['a'], { layers: [3, 2] })).toBe('input/option');
    expect(await code(['a'], { row: 3 })).toBe('input/option');
    const stop = AbortSignal.abort();
    await expect(session.rank(['a'], 'Who?', { signal: stop })).rejects.toThrow(/abort/i);
    await expect(session.rank([book()], 'Who?')).rejects.toMatchObject({ code: 'input/too-long' });
    expect(await session.rank(['a'], 'Who?')).toHaveLength(1);
  });
});

describe('documents', () => {
  let model: OpenModel;
  const { documents, facts } = shelf(103);
  const query = facts[3]!.question;
  beforeAll(async () => {
    model = await openBundled({ kv: { store: 'none' } });
  });
  afterAll(() => model.close());

  const watched = () => {
    const { reader, tokenizer, template } = model;
    const seen = { state: undefined as ContextState | undefined, rows: 0, pairs: 0 };
    const ranking = createRanking({
      ...{ reader, tooLong, closing: template.closing() },
      encode: createTurnEncoder(tokenizer, template, template.opening()),
      stateOf: (...args) => {
        seen.state = stateOf(...args);
        return seen.state;
      },
      forward: async (...args) => {
        const step = await forward(...args);
        seen.rows += args[3].rows;
        seen.pairs += step.pairs;
        return step;
      },
    });
    return { ranking, seen };
  };

  /** All pages of the documents, layer by layer. */
  const pages = async ({ layers, backend }: ContextState): Promise<Uint8Array[]> => {
    const all: Uint8Array[] = [];
    for (const kv of layers)
      for (let page = 0; page < kv.pages; page++) all.push((await backend.readPage(kv, page)).slice());
    return all;
  };

  test('do not see each other: another first one of the same length leaves the pages of the others as they are', async () => {
    const { ranking, seen } = watched();
    const other = documents[0]!.split(' ').reverse().join(' ');
    await ranking.rank(documents.slice(0, 2), query, {}, {});
    const before = await pages(seen.state!);
    ranking.release();
    await ranking.rank([other, documents[1]!], query, {}, {});
    const after = await pages(seen.state!);
    ranking.release();
    const last = (all: Uint8Array[]) => all[before.length / model.reader.config.layers - 1];
    expect(after.length).toBe(before.length);
    expect(last(after)).toEqual(last(before));
    expect(after).not.toEqual(before);
  });

  test('cost what they are long, once; a question reads itself', async () => {
    const { ranking, seen } = watched();
    const settings = { calibrate: false };
    const first = await ranking.rank(documents, query, settings, {});
    const { rows, pairs } = seen;
    expect(shares(await ranking.rank(documents, query, settings, {}))).toEqual(shares(first));
    const question = seen.rows - rows;
    expect(question).toBeLessThan(40);
    const asked = seen.pairs - pairs;
    const encode = createTurnEncoder(model.tokenizer, model.template, model.template.opening());
    const head = (await encode('start', undefined, [])).length;
    const lengths: number[] = [];
    for (const text of documents)
      lengths.push((await encode('user', undefined, [{ text, control: false }])).length);
    const triangle = (n: number): number => (n * (n + 1)) / 2;
    const wanted = lengths.reduce((sum, n) => sum + n * head + triangle(n), triangle(head));
    expect(pairs - asked).toBeCloseTo(wanted, 6);
    expect(rows - question).toBe(lengths.reduce((sum, n) => sum + n, head));
    ranking.release();
  });

  test('in another order have the same shares, but for rounding', async () => {
    const { ranking } = watched();
    const order = [5, 2, 7, 0, 1, 6, 4, 3];
    const straight = shares(await ranking.rank(documents, query, {}, {}));
    ranking.release();
    const mixed = shares(
      await ranking.rank(
        order.map((i) => documents[i]!),
        query,
        {},
        {},
      ),
    );
    ranking.release();
    for (const [at, i] of order.entries()) expect(mixed[at]).toBeCloseTo(straight[i]!, 2);
  });
});
