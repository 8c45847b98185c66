import { beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/stores/store.js';
import { random } from '../support/random.js';

/** How a suite gets at a store. Opening the same database again reaches what it holds, unless it is memory. */
export interface StoreUnderTest {
  readonly open: (database: string) => Promise<Store>;
  readonly persistent: boolean;
}

const SIZES = [0, 1, 3, 255, 4096, 65537];

const bytes = (length: number, seed = 1): Uint8Array => random(seed).bytes(length);

let databases = 0;

/** What every store promises, whatever it is made of. */
export const describeStore = (name: string, { open, persistent }: StoreUnderTest): void => {
  describe(`store: ${name}`, () => {
    let database: string;
    let store: Store;
    const put = (entries: Record<string, Uint8Array>): Promise<void> =>
      store.commit({ put: Object.entries(entries), delete: [] });

    beforeEach(async () => {
      database = `longhand-test-${Date.now()}-${databases++}`;
      store = await open(database);
      return () => store.close();
    });

    it('gives back what was put, and undefined for the rest', async () => {
      await put(Object.fromEntries(SIZES.map((size) => [`size/${size}`, bytes(size)])));
      for (const size of SIZES) {
        const found = await store.get(`size/${size}`);
        expect(found).toBeInstanceOf(Uint8Array);
        expect(found).toEqual(bytes(size));
      }
      expect(await store.get('size/2')).toBeUndefined();
      expect(await store.get('')).toBeUndefined();
    });

    it('gets many in the order asked', async () => {
      await put({ a: bytes(1, 1), b: bytes(2, 2), c: bytes(3, 3) });
      const found = await store.getMany(['c', 'nothing', 'a', 'c']);
      expect(found).toEqual([bytes(3, 3), undefined, bytes(1, 1), bytes(3, 3)]);
      expect(await store.getMany([])).toEqual([]);
    });

    it('gets keys that are numbered one after another, with gaps and strangers between them', async () => {
      const numbered = ['r/008', 'r/009', 'r/010', 'r/012', 's/000'];
      const strangers = ['r/0085', 'r/009x', 'r/-01', 'r/-02', 'r/1e1', 'r/011x', '999', '1000'];
      // Small ones and large ones, which some stores keep apart.
      const values = [...numbered, ...strangers].map(
        (key, n) => [key, bytes(n % 2 ? 9000 + n : 3, n)] as const,
      );
      await put(Object.fromEntries(values));
      const asks = [
        ['r/008', 'r/009', 'r/010', 'r/011', 'r/012', 'r/013'],
        ['r/010', 'r/009', 'r/008', 'r/008', 'r/009', 's/000'],
        ['r/000', 'r/001', 'r/-02', 'r/-01', 'r/1e1', 'r/011'],
        ['998', '999', '1000', '1001'],
      ];
      const known = new Map<string, Uint8Array>(values);
      for (const keys of asks) {
        expect(await store.getMany(keys)).toEqual(keys.map((key) => known.get(key)));
      }
      await store.commit({ put: [], delete: ['r/009'] });
      expect(await store.getMany(['r/008', 'r/009', 'r/010'])).toEqual([
        known.get('r/008'),
        undefined,
        known.get('r/010'),
      ]);
    });

    it('deletes before it puts, and overwrites', async () => {
      await put({ a: bytes(4), b: bytes(5) });
      await store.commit({ put: [['a', bytes(6)]], delete: ['a', 'b', 'never there'] });
      expect(await store.getMany(['a', 'b'])).toEqual([bytes(6), undefined]);
    });

    it('commits an empty batch', async () => {
      await store.commit({ put: [], delete: [] });
      expect(await store.list('')).toEqual([]);
    });

    it('never shows half a batch', async () => {
      const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
      const commits: Promise<void>[] = [];
      const views: Promise<(Uint8Array | undefined)[]>[] = [];
      for (let round = 1; round <= 8; round++) {
        commits.push(
          store.commit({ put: keys.map((key) => [key, Uint8Array.of(round)] as const), delete: [] }),
        );
        views.push(store.getMany(keys));
      }
      await Promise.all(commits);
      for (const view of await Promise.all(views)) expect(new Set(view.map((one) => one?.[0])).size).toBe(1);
      expect((await store.get('k39'))?.[0]).toBe(8);
    });

    it('keeps copies of its own', async () => {
      const given = bytes(100);
      await put({ a: given });
      given.fill(0);
      const first = await store.get('a');
      expect(first).toEqual(bytes(100));
      first!.fill(0);
      expect(await store.get('a')).toEqual(bytes(100));
    });

    it('stores a view without the buffer under it', async () => {
      const whole = bytes(1 << 20);
      await put({ view: whole.subarray(1000, 1100) });
      const found = await store.get('view');
      expect(found).toEqual(whole.slice(1000, 1100));
      expect(found!.buffer.byteLength).toBe(100);
    });

    it('takes bytes of shared memory', async () => {
      if (typeof SharedArrayBuffer === 'undefined') return;
      const shared = new Uint8Array(new SharedArrayBuffer(64));
      shared.set(bytes(64));
      await put({ shared });
      expect(await store.get('shared')).toEqual(bytes(64));
    });

    it('lists by prefix, ascending', async () => {
      const keys = ['a', 'a/', 'a/b', 'a/é', 'a/\u{1f600}', 'a%2F', 'b', 'B', 'ab', ''];
      await put(Object.fromEntries(keys.map((key) => [key, bytes(1)])));
      expect(await store.list('')).toEqual([...keys].sort());
      expect(await store.list('a/')).toEqual(['a/', 'a/b', 'a/é', 'a/\u{1f600}'].sort());
      expect(await store.list('a/b')).toEqual(['a/b']);
      expect(await store.list('c')).toEqual([]);
    });

    it('adds up sizes by prefix, through overwriting and deletion', async () => {
      expect(await store.size('')).toBe(0);
      await put({ 'x/1': bytes(10), 'x/2': bytes(20), 'y/1': bytes(100), z: bytes(0) });
      expect(await store.size('x/')).toBe(30);
      await store.commit({ put: [['x/2', bytes(5)]], delete: ['x/1', 'x/9'] });
      expect(await store.size('x/')).toBe(5);
      expect(await store.size('')).toBe(105);
    });

    it('agrees with a map over random batches', async () => {
      const model = new Map<string, Uint8Array>();
      const draw = random(7).below;
      for (let step = 0; step < 60; step++) {
        const deleted = Array.from({ length: draw(3) }, () => `key/${draw(12)}`);
        const added = Array.from(
          { length: draw(4) },
          () => [`key/${draw(12)}`, bytes(draw(50), step)] as const,
        );
        await store.commit({ put: added, delete: deleted });
        for (const key of deleted) model.delete(key);
        for (const [key, value] of added) model.set(key, value);
      }
      expect(model.size).toBeGreaterThan(0);
      expect(await store.list('key/')).toEqual([...model.keys()].sort());
      expect(await store.size('')).toBe([...model.values()].reduce((sum, { length }) => sum + length, 0));
      for (const [key, value] of model) expect(await store.get(key)).toEqual(value);
    });

    it('locks a name for one', async () => {
      const release = await store.lock('session/a');
      expect(release).toBeTypeOf('function');
      expect(await store.lock('session/a')).toBeUndefined();
      const other = await store.lock('session/b');
      expect(other).toBeTypeOf('function');
      await put({ 'session/a': bytes(1) });
      release!();
      // Web Locks let go a moment later.
      await expect.poll(() => store.lock('session/a')).toBeTypeOf('function');
      other!();
    });

    it('gives a locked name to those who wait, in their order, and to nobody who left', async () => {
      const first = await store.lock('session/a');
      const seen: string[] = [];
      const stop = new AbortController();
      const impatient = store.lock('session/a', { wait: true, signal: stop.signal });
      const waiting = ['second', 'third'].map(async (name) => {
        const release = await store.lock('session/a', { wait: true });
        seen.push(name);
        expect(await store.lock('session/a')).toBeUndefined();
        release!();
        release!();
      });
      stop.abort();
      await expect(impatient).rejects.toMatchObject({ name: 'AbortError' });
      expect(seen).toEqual([]);
      first!();
      await Promise.all(waiting);
      expect(seen).toEqual(['second', 'third']);
      await expect
        .poll(() => store.lock('session/a', { wait: true, signal: new AbortController().signal }))
        .toBeTypeOf('function');
      const aborted = store.lock('session/b', { wait: true, signal: AbortSignal.abort(new Error('enough')) });
      await expect(aborted).rejects.toThrow('enough');
    });

    it('lends what getMany gives, and nothing afterwards', async () => {
      if (!store.lend) return;
      const values = new Map(
        Array.from(
          { length: 5 },
          (_, n) => [`run/${String(n).padStart(3, '0')}`, bytes(9000 + n, n)] as const,
        ),
      );
      await put({ ...Object.fromEntries(values), small: bytes(3) });
      const asked = ['run/003', 'nothing', 'small', ...values.keys(), 'run/004'];
      const found: (Uint8Array | undefined)[] = asked.map(() => undefined);
      let isOver = false;
      await store.lend(asked, (lent, n) => {
        expect(isOver).toBe(false);
        found[n] = lent.slice();
      });
      isOver = true;
      expect(found).toEqual(await store.getMany(asked));
      await store.close();
      await expect(store.lend(['small'], () => undefined)).rejects.toMatchObject({ code: 'engine/closed' });
    });

    it('rejects after it was closed', async () => {
      await put({ a: bytes(1) });
      await store.close();
      const closed = { code: 'engine/closed' };
      await expect(store.get('a')).rejects.toMatchObject(closed);
      await expect(store.getMany(['a'])).rejects.toMatchObject(closed);
      await expect(store.commit({ put: [], delete: ['a'] })).rejects.toMatchObject(closed);
      await expect(store.list('')).rejects.toMatchObject(closed);
      await expect(store.size('')).rejects.toMatchObject(closed);
      await expect(store.lock('a')).rejects.toMatchObject(closed);
      await store.close();
    });

    if (!persistent) return;

    it('keeps what was committed when it is opened again', async () => {
      await put({ a: bytes(70000), b: bytes(2) });
      await store.close();
      store = await open(database);
      expect(await store.get('a')).toEqual(bytes(70000));
      expect(await store.size('')).toBe(70002);
    });

    it('is one store for all who open it, locks included', async () => {
      const second = await open(database);
      await put({ a: bytes(9) });
      expect(await second.get('a')).toEqual(bytes(9));
      const release = await store.lock('session/a');
      expect(await second.lock('session/a')).toBeUndefined();
      release!();
      await second.close();
    });

    it('keeps databases apart, locks included', async () => {
      const elsewhere = await open(`${database}-elsewhere`);
      await put({ a: bytes(9) });
      expect(await elsewhere.get('a')).toBeUndefined();
      const release = await store.lock('session/a');
      const other = await elsewhere.lock('session/a');
      expect(other).toBeTypeOf('function');
      release!();
      other!();
      await elsewhere.close();
    });
  });
};
