/** One file for a session: what comes back, and what is refused, whatever the bytes are. */
import { describe, expect, test } from 'vitest';
import type { Archive } from '../../../src/kv/archive.js';
import { digest } from '../../../src/kv/digest.js';
import { encodeManifest, type Manifest } from '../../../src/kv/manifest.js';
import { encodeHead, encodeRecord, type NewRun } from '../../../src/kv/records.js';
import { magic, seal } from '../../../src/kv/seal.js';
import { encodeTable, markOf } from '../../../src/kv/session-file.js';
import { runEntries } from '../../../src/kv/session-writer.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';
import {
  cached,
  ids,
  open,
  prefill,
  segmentTokens,
  stateOf,
  tailOf,
  tailRuns,
} from '../../support/archive-fixture.js';
import { faultyStore } from '../../support/faulty-store.js';
import { makeSecret } from '../../support/make-secret.js';
import { random } from '../../support/random.js';

const canonical = 2 * segmentTokens;
const tokens = ids.slice(0, 3 * segmentTokens + 30);
const hooks = {};
const fine = (): void => undefined;

const tailsOf = (archive: Archive): NewRun[] => [
  tailOf(archive, canonical / 64, tokens.slice(canonical, canonical + segmentTokens)),
  tailOf(archive, (canonical + segmentTokens) / 64, tokens.slice(canonical + segmentTokens)),
];

/** A store with one session: two shared segments and two private runs. */
const stored = async () => {
  const store = await openMemory();
  const archive = await open(store);
  await prefill(archive, 0, 2, tokens);
  const release = await archive.sessions.acquire('book');
  const state = { ...stateOf('book', tokens, canonical), title: 'A book', notes: { turns: [1, 2] } };
  await archive.sessions.put(state, { runs: tailsOf(archive) });
  await release();
  return { store, archive };
};

const bytesOf = async (file: Blob): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await file.arrayBuffer());

describe('a session in a file', () => {
  test('comes back on another device with all its pages, all of them its own', async () => {
    const { archive } = await stored();
    const seen: number[] = [];
    const { file, ...exported } = await archive.sessions.exportFile('book', {
      onProgress: (done, total) => seen.push(done / total),
    });
    expect(exported).toEqual({ tokens: tokens.length, restorableTokens: tokens.length });
    expect(seen).toHaveLength(4);
    expect(seen.at(-1)).toBe(1);

    const inner = await openMemory();
    const other = await open(inner);
    let accepted: Manifest | undefined;
    const imported = await other.sessions.importFile(
      file,
      {},
      (manifest) => void (accepted = manifest),
      hooks,
    );
    expect(imported).toEqual({ id: 'book', tokens: tokens.length, restorableTokens: tokens.length });
    expect(accepted?.notes).toEqual({ turns: [1, 2] });
    const manifest = (await other.sessions.get('book'))!;
    expect(manifest).toMatchObject({ title: 'A book', created: 1, canonical: 0, sharing: false });
    expect([...manifest.tokens]).toEqual(tokens);
    expect((await tailRuns(other, manifest)).slice(2)).toEqual(tailsOf(archive));
    expect((await cached(inner)).filter((key) => /^(head|pages)/.test(key))).toEqual([]);

    // And from there to a third, under another name; and back, where there is one of its name.
    const again = await other.sessions.exportFile('book', hooks);
    expect(again.restorableTokens).toBe(tokens.length);
    await expect(archive.sessions.importFile(again.file, {}, fine, hooks)).rejects.toMatchObject({
      code: 'input/exists',
    });
    const back = await archive.sessions.importFile(again.file, { id: 'back', title: 'Home' }, fine, hooks);
    expect(back).toMatchObject({ id: 'back', restorableTokens: tokens.length });
    const { runs, reason } = await archive.sessions.tail((await archive.sessions.get('back'))!);
    expect([runs.length, reason]).toEqual([4, 'end']);
    await archive.sessions.delete('back');
    expect((await archive.sessions.list()).map(({ id }) => id)).toEqual(['book']);
  });

  test('leaves out what the store has lost, from there on, and says so', async () => {
    for (const [at, restorableTokens] of [0, segmentTokens, canonical, canonical + segmentTokens].entries()) {
      const { store, archive } = await stored();
      const chain = (await store.list('head/')).length;
      expect(chain).toBe(2);
      const heads = [
        ...(await headsInOrder(store)),
        ...(await store.list('tail/')).filter((key) => key.endsWith('head')),
      ];
      await store.commit({ put: [], delete: [heads[at]!] });
      const exported = await archive.sessions.exportFile('book', hooks);
      expect(exported).toMatchObject({ tokens: tokens.length, restorableTokens });
      expect(exported.reason).toContain(`from token ${restorableTokens} on`);
      const other = await open(await openMemory());
      const imported = await other.sessions.importFile(exported.file, {}, fine, hooks);
      expect(imported).toMatchObject({ tokens: tokens.length, restorableTokens });
      expect(imported.reason).toContain('no pages for the rest');
    }
  });

  test('that was made with something else imports as its tokens, and says so', async () => {
    const { archive } = await stored();
    const { file } = await archive.sessions.exportFile('book', hooks);
    const inner = await openMemory();
    const other = await open(inner, { fingerprint: 'g' });
    const imported = await other.sessions.importFile(file, {}, fine, hooks);
    expect(imported).toMatchObject({ restorableTokens: 0, reason: expect.stringContaining('another') });
    expect([...(await other.sessions.get('book'))!.tokens]).toEqual(tokens);
    expect(await inner.list('tail/')).toEqual([]);
    // Exported again, there are no pages to give.
    const again = await other.sessions.exportFile('book', hooks);
    expect(again).toMatchObject({ restorableTokens: 0, reason: expect.stringContaining('another') });
  });

  test('is stopped by a signal, and nothing of it is left', async () => {
    const { archive } = await stored();
    const stop = new AbortController();
    const stopping = { signal: stop.signal, onProgress: () => stop.abort() };
    await expect(archive.sessions.exportFile('book', stopping)).rejects.toMatchObject({ name: 'AbortError' });
    const { file } = await archive.sessions.exportFile('book', hooks);
    const inner = await openMemory();
    const other = await open(inner);
    const halt = new AbortController();
    const halting = { signal: halt.signal, onProgress: () => halt.abort() };
    await expect(other.sessions.importFile(file, {}, fine, halting)).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(await cached(inner)).toEqual([]);
    expect(await other.sessions.importFile(file, {}, fine, hooks)).toMatchObject({ id: 'book' });
  });
});

/** Keys of the heads of shared segments, first page first. */
const headsInOrder = async (store: Store): Promise<string[]> => {
  const keys = await store.list('head/');
  const first = async (key: string) => new Uint32Array((await store.get(key))!.slice(16, 20).buffer)[0]!;
  const places = await Promise.all(keys.map(first));
  return keys.sort((a, b) => places[keys.indexOf(a)]! - places[keys.indexOf(b)]!);
};

describe('a file that is not what it was', () => {
  test('is refused whichever byte changes, and cut or grown anywhere; nothing is stored', async () => {
    const { archive } = await stored();
    const whole = await bytesOf((await archive.sessions.exportFile('book', hooks)).file);
    const inner = await openMemory();
    const other = await open(inner);
    const draw = random(5);
    const refused = async (bytes: Uint8Array<ArrayBuffer>, what: string): Promise<void> => {
      const importing = other.sessions.importFile(new Blob([bytes]), {}, fine, hooks);
      await expect(importing, what).rejects.toMatchObject({
        name: 'LonghandError',
        code: expect.stringMatching(/^storage\/(corrupt|version)$/),
      });
    };
    // Every byte of what is before the pages, and a sample of theirs.
    const places = Array.from({ length: whole.length }, (_, at) => at).filter(
      (at) => at < 900 || draw.below(40) === 0,
    );
    for (const at of places) {
      const bytes = whole.slice();
      bytes[at]! ^= 1 + draw.below(255);
      await refused(bytes, `byte ${at}`);
      if (draw.below(8) === 0) await refused(whole.slice(0, at), `${at} bytes`);
    }
    await refused(new Uint8Array([...whole, 0, 0, 0, 0]), 'grown');
    await refused(new Uint8Array(0), 'nothing');
    await refused(new TextEncoder().encode('{"not": "a session"}'.repeat(9)), 'text');
    expect(await cached(inner)).toEqual([]);
    expect(other.state).toBe('ok');
    expect(await other.sessions.importFile(new Blob([whole]), {}, fine, hooks)).toMatchObject({ id: 'book' });
  });

  /** A file with digests that fit, as somebody would write one who knows how. */
  const forged = (manifest: Manifest, runs: readonly (readonly Uint8Array<ArrayBuffer>[])[]): Blob => {
    const own = encodeManifest(manifest);
    const table = encodeTable({ manifest: markOf(own), runs: runs.map((parts) => parts.map(markOf)) });
    return new Blob([table, own, ...runs.flat()]);
  };
  const partsOf = (run: NewRun): Uint8Array<ArrayBuffer>[] => {
    const entries = runEntries('x/1/0', run).map(([, bytes]) => bytes as Uint8Array<ArrayBuffer>);
    return [entries.at(-1)!, ...entries.slice(0, -1)];
  };

  test('though all digests fit: other tokens, other places, other layers, too much', async () => {
    const { archive } = await stored();
    const { file } = await archive.sessions.exportFile('book', hooks);
    const inner = await openMemory();
    const other = await open(inner);
    let manifest!: Manifest;
    await other.sessions.importFile(file, {}, (found) => void (manifest = found), hooks);
    await other.sessions.delete('book');
    const good = [0, 1, 2, 3].map((n) =>
      tailOf(archive, (n * segmentTokens) / 64, tokens.slice(n * segmentTokens, (n + 1) * segmentTokens)),
    );
    const refused = async (blob: Blob, what: string): Promise<void> => {
      await expect(other.sessions.importFile(blob, {}, fine, hooks), what).rejects.toMatchObject({
        code: 'storage/corrupt',
      });
      expect(await cached(inner), what).toEqual([]);
    };
    const all = good.map(partsOf);
    const [one, two, three, four] = all as [Uint8Array<ArrayBuffer>[], never, never, never];
    expect(await other.sessions.importFile(forged(manifest, all), {}, fine, hooks)).toMatchObject({
      id: 'book',
    });
    await other.sessions.delete('book');

    await refused(forged(manifest, [two, one, three, four]), 'runs in another order');
    await refused(forged(manifest, [one, one, three, four]), 'one twice');
    await refused(forged(manifest, [...all, four]), 'more than the tokens');
    await refused(forged(manifest, [one, two, four]), 'a gap');
    await refused(forged({ ...manifest, tokens: manifest.tokens.slice(1) }, all), 'other tokens');
    await refused(forged(manifest, [[one[0]!, ...one.slice(1).reverse()], two]), 'records of other layers');
    await refused(
      forged(manifest, [one.slice(0, -1), (two as Uint8Array<ArrayBuffer>[]).slice(0, -1)]),
      'fewer groups',
    );
    const [first] = good as [NewRun];
    const thin = { ...first.records[0]!, pages: first.records[0]!.pages.map((layer) => layer.slice(1)) };
    await refused(forged(manifest, [[one[0]!, encodeRecord(thin), ...one.slice(2)]]), 'fewer pages');
    const fat = {
      ...first.records[0]!,
      pages: first.records[0]!.pages.map((layer) => layer.map((page) => new Uint8Array(page.length + 4))),
    };
    await refused(forged(manifest, [[one[0]!, encodeRecord(fat), ...one.slice(2)]]), 'wider pages');
    const elsewhere = { ...first.head, firstPage: 2 };
    await refused(forged(manifest, [[encodeHead(elsewhere), ...one.slice(1)]]), 'a head of another place');
    await refused(new Blob([encodeTable({ manifest: markOf(one[0]!), runs: [] }), one[0]!]), 'no manifest');
  });

  test('with a table of hostile lengths is refused before anything is read', async () => {
    const { archive } = await stored();
    const whole = await bytesOf((await archive.sessions.exportFile('book', hooks)).file);
    const other = await open(await openMemory());
    const words = new Uint32Array(whole.buffer);
    const end = words[2]! - 16;
    for (const word of [4, 5, 6, 11, 16]) {
      for (const value of [0, 1, 3, 0x7fffffff, 0xfffffff0, 0xffffffff]) {
        const bytes = whole.slice();
        const table = new Uint32Array(bytes.buffer);
        if (table[word] === value) continue;
        table[word] = value;
        bytes.set(new Uint8Array(digest(bytes.subarray(0, end)).buffer), end);
        await expect(
          other.sessions.importFile(new Blob([bytes]), {}, fine, hooks),
          `word ${word} = ${value}`,
        ).rejects.toMatchObject({ code: 'storage/corrupt' });
      }
    }
    const newer = seal(magic('LHX1'), 2, 100, (body) => body.fill(7));
    await expect(other.sessions.importFile(new Blob([newer]), {}, fine, hooks)).rejects.toMatchObject({
      code: 'storage/version',
    });
  });
});

describe('a store that fails in the middle of an import', () => {
  test.each(['dead', 'late', 'full', 'refused'] as const)('%s, at every write', async (how) => {
    const { archive } = await stored();
    const { file } = await archive.sessions.exportFile('book', hooks);
    for (let commit = 1; ; commit++) {
      const inner = await openMemory();
      const faulty = faultyStore(inner, { commit, how });
      const other = await open(faulty);
      const failure = await other.sessions.importFile(file, {}, fine, hooks).then(
        () => undefined,
        (error) => error.code,
      );
      faulty.abandon();
      if (faulty.commits < commit) break;
      expect(failure).toBe(how === 'full' ? 'storage/quota' : 'storage/unavailable');
      // Whoever opens the store next finds all of it or none.
      const next = await open(inner);
      const keys = await cached(inner);
      if (how === 'late' && (await next.sessions.get('book'))) {
        expect((await next.sessions.tail((await next.sessions.get('book'))!)).runs.length).toBe(4);
        continue;
      }
      expect(keys).toEqual([]);
      expect(await next.sessions.importFile(file, {}, fine, hooks)).toMatchObject({ id: 'book' });
    }
  });
});

describe('a file with a key', () => {
  const secret = makeSecret(3);

  test('comes back whole with it, and tells nothing without it', async () => {
    const { archive } = await stored();
    const encryption = await secret;
    const plain = await bytesOf((await archive.sessions.exportFile('book', hooks)).file);
    const { file } = await archive.sessions.exportFile('book', { encryption });
    const again = await archive.sessions.exportFile('book', { encryption });
    const bytes = await bytesOf(file);
    // Nothing of the plain file stands in it, nor in two files the same.
    const words = (all: Uint8Array): Set<string> =>
      new Set(Array.from({ length: all.length >> 4 }, (_, i) => String(all.subarray(16 * i, 16 * i + 16))));
    const zeros = String(new Uint8Array(16));
    const readable = words(plain);
    const shared = [...words(bytes)].filter((word) => word !== zeros && readable.has(word));
    expect(shared).toEqual([]);
    const twice = words(await bytesOf(again.file));
    expect([...words(bytes)].slice(1).filter((word) => twice.has(word))).toEqual([]);

    const store = await openMemory();
    const other = await open(store);
    const refusals = [{}, { encryption: await makeSecret(4) }];
    for (const wrong of refusals)
      await expect(other.sessions.importFile(file, {}, fine, wrong)).rejects.toMatchObject({
        code: 'storage/key',
      });
    const unsealed = new Blob([plain]);
    await expect(other.sessions.importFile(unsealed, {}, fine, { encryption })).rejects.toMatchObject({
      code: 'storage/key',
    });
    expect(await store.list('')).toEqual([]);
    const imported = await other.sessions.importFile(file, {}, fine, { encryption });
    expect(imported).toMatchObject({ id: 'book', restorableTokens: tokens.length });
    expect(await other.sessions.exportFile('book', hooks)).toMatchObject({ restorableTokens: tokens.length });
  });

  test('refuses every change of it, and stores nothing', async () => {
    const { archive } = await stored();
    const encryption = await secret;
    const whole = await bytesOf((await archive.sessions.exportFile('book', { encryption })).file);
    const store = await openMemory();
    const other = await open(store);
    const front = new Uint32Array(whole.slice(8, 12).buffer)[0]! + 48 + 16;
    const change = (at: number, by = 1): Uint8Array<ArrayBuffer> => {
      const bytes = whole.slice();
      bytes[at]! ^= by;
      return bytes;
    };
    const cases = {
      version: change(4),
      'length of the front': change(8),
      'number of parts': change(12),
      salt: change(20),
      table: change(60),
      'first part': change(front + 5),
      'its proof': change(whole.length - 1),
      'its end': whole.slice(0, -1),
      'more behind it': Uint8Array.from([...whole, 0]),
      'its header alone': whole.slice(0, 48),
      'a huge front': change(11, 0x7f),
    };
    for (const [what, bytes] of Object.entries(cases)) {
      const importing = other.sessions.importFile(new Blob([bytes]), {}, fine, { encryption });
      await expect(importing, what).rejects.toMatchObject({
        code: expect.stringMatching(/^storage\/(key|corrupt|version)$/),
      });
      expect(await store.list(''), what).toEqual([]);
    }
    expect(await other.sessions.importFile(new Blob([whole]), {}, fine, { encryption })).toMatchObject({
      id: 'book',
    });
  });
});
