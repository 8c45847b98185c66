/** What coming back to a text reads from the store: heads once, then what plans name, and what is read ahead is stated. */
import { expect, test } from 'vitest';
import { openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { openArchive } from '../../src/kv/archive.js';
import { recordSize } from '../../src/kv/records.js';
import { fingerprintOf } from '../../src/kv/segments.js';
import { sessionKey } from '../../src/kv/session-keys.js';
import { openStore, type Store } from '../../src/stores/index.js';
import { book, openBundled } from './bundled.js';

/** Notes every value that is read. */
const counting = (inner: Store) => {
  const read: { key: string; bytes: number }[] = [];
  const getMany = async (keys: readonly string[]) => {
    const values = await inner.getMany(keys);
    for (const [n, value] of values.entries()) read.push({ key: keys[n]!, bytes: value?.length ?? 0 });
    return values;
  };
  const store: Store = { ...inner, getMany, get: async (key) => (await getMany([key]))[0] };
  /** Bytes of what was read since the last call, by the first word of the key. */
  const taken = () => {
    const sums: Record<string, number> = {};
    const all = read.splice(0);
    for (const { key, bytes } of all) {
      const kind = /^tail\/.*\/\d+$/.test(key) ? 'pages' : key.split('/')[0]!;
      sums[kind] = (sums[kind] ?? 0) + bytes;
    }
    return { sums, keys: all.map(({ key }) => key).filter((key) => /^(head|pages|tail)\//.test(key)) };
  };
  return { store, taken };
};

const onceEach = (keys: readonly string[]): void =>
  expect(new Set(keys).size, 'nothing is read twice').toBe(keys.length);

const over = async (model: OpenModel, store: Store): Promise<OpenModel> => {
  const sample = await openSession(model, {});
  const { pageBytes } = sample.context;
  await sample.close();
  const { segmentTokens } = model.reader.arena;
  const fingerprint = fingerprintOf(model.provenance);
  return {
    ...model,
    kept: { archive: await openArchive(store, { fingerprint, segmentTokens, pageBytes }), store },
  };
};

test.each([
  { method: 'dense' },
  { method: 'dhsa', budget: 256 },
] as const)('%j: heads, a manifest, and of pages little that no plan names', async (attention) => {
  const bundled = await openBundled({ attention, kv: { store: 'none' } });
  const inner = await openStore('memory');
  const first = await openSession(await over(bundled, inner), { id: 'book' });
  await first.conversation!.append(book().slice(5000, 13_000), {});
  const { tokens } = await first.stats();
  await first.close();

  const { store, taken } = counting(inner);
  const model = await over(bundled, store);
  const { archive } = model.kept!;
  const wanted: string[] = [];
  const noting: OpenModel = {
    ...model,
    kept: {
      ...model.kept!,
      archive: {
        ...archive,
        fetch: (wants) => {
          wanted.push(...wants.map(({ run, group }) => run.keys[group]!));
          return archive.fetch(wants);
        },
      },
    },
  };
  await archive.drained();
  taken();
  const again = await openSession(noting, { id: 'book' });
  await archive.drained();
  expect(await again.stats()).toMatchObject({ tokens, reusedTokens: tokens, pagesResident: 0 });
  const manifest = (await inner.get(sessionKey('book')))!.length;
  const tails = await inner.list('tail/');
  const tailHeads = await inner.getMany(tails.filter((key) => key.endsWith('/head')));
  const { sums: attached, keys: heads } = taken();
  onceEach(heads);
  expect(attached).toMatchObject({
    head: await inner.size('head/'),
    tail: tailHeads.reduce((sum, head) => sum + head!.length, 0),
  });
  expect(attached.pages).toBeUndefined();
  // Whoever becomes the writer looks at it, too.
  expect(attached.session).toBe(2 * manifest);
  expect(attached.use ?? 0).toBeLessThan(1000);

  await again.conversation!.ask('Who came to the door?', { maxTokens: 4 }, {}, () => undefined);
  const { paging, recomputedTokens } = await again.stats();
  expect(recomputedTokens).toBe(0);
  const { sums: asked, keys } = taken();
  // A record that was read for a layer is in its pages from then on; only what was foreseen and not named may come again.
  expect(wanted).toHaveLength(paging.records);
  onceEach(wanted);
  if (attention.method === 'dense') onceEach(keys);
  expect(Object.keys(asked)).toEqual(['pages']);
  // `paging.bytes` counts records of whole runs; an envelope lies around each.
  const around = recordSize([], 0) + 4 * again.context.pageBytes.length;
  const named = paging.bytes + paging.records * around;
  const all = (await inner.size('pages/')) + (await inner.size('tail/'));
  expect(asked.pages).toBeLessThanOrEqual(Math.min(all, 1.25 * named));
  expect(paging.bytes).toBeGreaterThan(0);
  await again.close();
  await bundled.close();
}, 120_000);
