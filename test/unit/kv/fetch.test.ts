/** A record that is not as it should be ends the call, and its run is not given up a second time. */
import { describe, expect, test } from 'vitest';
import { type KvLayer, PAGE } from '../../../src/backends/backend.js';
import { createFetch, type Rest } from '../../../src/kv/fetch.js';
import { LostRun } from '../../../src/kv/lost-run.js';
import type { KvRecord } from '../../../src/kv/records.js';
import type { StoredRun } from '../../../src/kv/stored-run.js';

const PAGE_BYTES = 8;
const PAGES = 4;
const run: StoredRun = { firstPage: PAGES, tokens: PAGES * PAGE, keys: ['0', '1', '2', '3'] };
/** Each page of the one layer is a record by itself. */
const groups = Array.from({ length: PAGES }, (_, n) => ({ from: 0, to: 1, pages: { from: n, to: n + 1 } }));

const over = (isLost: (group: number) => boolean) => {
  const written: number[] = [];
  const distrusted: StoredRun[] = [];
  const rest: Rest = {
    groups,
    drained: async () => undefined,
    release: () => undefined,
    fetch: async (wants) =>
      wants.map(({ group }): KvRecord | undefined =>
        isLost(group)
          ? undefined
          : {
              layers: { from: 0, to: 1 },
              firstPage: run.firstPage + group,
              pages: [[new Uint8Array(PAGE_BYTES)]],
            },
      ),
  };
  const cold = new Set([4, 5, 6, 7]);
  const layer = { pageBytes: PAGE_BYTES, pages: 2 * PAGES, isCold: (page: number) => cold.has(page) };
  const paging = { touched: 0, missed: 0, ahead: 0, records: 0, bytes: 0 };
  const fetch = createFetch(
    { layers: [layer as unknown as KvLayer], rest, pagesOfRun: PAGES, inFlight: 1000 },
    paging,
    {
      runOf: (page) => (page >= run.firstPage ? run : undefined),
      distrust: (lost) => distrusted.push(lost),
      takes: () => false,
      write: (_, page) => {
        cold.delete(page);
        written.push(page);
      },
    },
  );
  return { fetch, written, distrusted, paging };
};

const pages = new Map([[0, new Set([4, 5, 6])]]);

describe('cold pages', () => {
  test('are written where they are asked for, and nobody is distrusted', async () => {
    const { fetch, written, distrusted, paging } = over(() => false);
    await fetch.now(pages);
    expect(written).toEqual([4, 5, 6]);
    expect(distrusted).toEqual([]);
    expect(paging).toMatchObject({ records: 3, bytes: 3 * PAGE_BYTES });
  });

  test.each([
    ['asked for when it is needed', false],
    ['asked for ahead', true],
  ])('one of which is lost, %s: the call ends, and its run is distrusted', async (_, isAhead) => {
    const { fetch, written, distrusted } = over((group) => group === 1);
    if (isAhead) fetch.ahead(0, [4, 5, 6]);
    const ended = await fetch.now(pages).catch((error) => error);
    expect(ended).toBeInstanceOf(LostRun);
    expect(ended.tokens).toBe(run.firstPage * PAGE);
    expect(distrusted).toEqual([run]);
    // What came is in its place all the same.
    expect(written).toEqual([4, 6]);
  });

  test('without a run the call ends at once', async () => {
    const { fetch } = over(() => false);
    await expect(fetch.now(new Map([[0, new Set([1])]]))).rejects.toThrow(LostRun);
  });
});
