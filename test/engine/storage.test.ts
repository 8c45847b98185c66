/** A session whose store refuses, fills up or comes back: it goes on in memory, says so, and loses nothing stored. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type OpenContext, openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { storedSessions } from '../../src/engine/stored-sessions.js';
import { LonghandError } from '../../src/errors.js';
import { openArchive } from '../../src/kv/archive.js';
import { decodeHead, decodeRecord, encodeHead, encodeRecord } from '../../src/kv/records.js';
import { fingerprintOf } from '../../src/kv/segments.js';
import type { Predictor } from '../../src/predictors/predictor.js';
import { openStore, type Store } from '../../src/stores/index.js';
import { createPatience, patient } from '../../src/stores/patience.js';
import { type Fault, faultyStore } from '../support/faulty-store.js';
import { openBundled, withFact } from './bundled.js';

const TEXT = withFact(2500, 'The value of nora is 4711.');
const QUESTION = 'What is the value of nora?';
let bundled: OpenModel;
let disk: Store;
beforeAll(async () => {
  bundled = await openBundled({ attention: { method: 'dhsa', budget: 256 }, kv: { store: 'none' } });
});
afterAll(() => bundled.close());
beforeEach(async () => {
  disk = await openStore('memory');
});

/** The model over a store of one's own, as after a reload. */
const over = async (store: Store, predictor: Predictor = bundled.reader.predictor): Promise<OpenModel> => {
  const provenance = { ...bundled.provenance, attention: predictor.signature };
  const sample = await openSession(bundled, {});
  const { pageBytes } = sample.context;
  await sample.close();
  const archive = await openArchive(store, {
    fingerprint: fingerprintOf(provenance),
    segmentTokens: bundled.reader.arena.segmentTokens,
    pageBytes,
  });
  return { ...bundled, provenance, kept: { archive, store }, reader: { ...bundled.reader, predictor } };
};
const never: Fault = { commit: Number.POSITIVE_INFINITY, how: 'full' };
const ask = async (session: OpenContext): Promise<string> => {
  let answer = '';
  await session.conversation!.ask(QUESTION, { maxTokens: 24 }, {}, (text) => (answer += text));
  return answer;
};
const readAndAsk = async (session: OpenContext): Promise<string> => {
  await session.conversation!.append(TEXT, {});
  return ask(session);
};

test.each(['full', 'refused', 'dead'] as const)('%s from any commit on', async (how) => {
  for (const commit of [1, 2, 3]) {
    disk = await openStore('memory');
    const model = await over(faultyStore(disk, { commit, how }));
    const session = await openSession(model, { id: 'book' });
    expect(await readAndAsk(session)).toContain('4711');
    const stats = await session.stats();
    if (commit < 3) expect(stats.storage).toBe(how === 'full' ? 'full' : 'unavailable');
    await session.close();

    const later = await over(faultyStore(disk, never));
    const again = await openSession(later, { id: 'book' });
    expect(await readAndAsk(again)).toContain('4711');
    const { tokens, reusedTokens, prefill, storage } = await again.stats();
    expect(storage).toBe('ok');
    expect(tokens).toBe(stats.tokens);
    expect(reusedTokens + prefill.tokens).toBe(tokens);
    await again.close();
  }
});

/** A store that leaves calls without an answer, waited for a sixth of a second. */
const stuck = (fault: Omit<Fault, 'how'>): Store =>
  patient(faultyStore(disk, { ...fault, how: 'stuck' }), createPatience(3));

test.each([1, 2, 3, 4])('commits that are never answered, from %s on', async (commit) => {
  const tab = faultyStore(disk, { commit, how: 'stuck' });
  const session = await openSession(await over(patient(tab, createPatience(3))), { id: 'book' });
  expect(await readAndAsk(session)).toContain('4711');
  const { storage, tokens } = await session.stats();
  expect(storage).toBe('unavailable');
  await session.close();

  // What was asked for may still come, so nobody else writes, until the page is gone.
  await expect(openSession(await over(disk), { id: 'book' })).rejects.toMatchObject({ code: 'input/busy' });
  tab.abandon();
  const again = await openSession(await over(disk), { id: 'book' });
  expect(await readAndAsk(again)).toContain('4711');
  const stats = await again.stats();
  expect(stats).toMatchObject({ storage: 'ok', tokens });
  expect(stats.reusedTokens + stats.prefill.tokens).toBe(tokens);
  await again.close();
});

test('reads that are never answered: what is stored is computed again, and stays', async () => {
  const first = await openSession(await over(disk), { id: 'book' });
  await readAndAsk(first);
  await first.close();
  const reads = faultyStore(disk, never);
  const undisturbed = await openSession(await over(reads), { id: 'book' });
  await readAndAsk(undisturbed);
  await undisturbed.close();
  expect(reads.reads).toBeGreaterThan(5);
  for (let read = 1; read <= reads.reads; read += 2) {
    const store = stuck({ commit: Number.POSITIVE_INFINITY, read });
    const session = await over(store)
      .then((model) => openSession(model, { id: 'book' }))
      .catch((error) => error as LonghandError);
    // What opens a session needs its tokens: it says that it cannot have them.
    if (session instanceof LonghandError) {
      expect(session.code, `read ${read}`).toBe('storage/unavailable');
      continue;
    }
    expect(await readAndAsk(session), `read ${read}`).toContain('4711');
    await session.close();
  }
  const last = await openSession(await over(disk), { id: 'book' });
  await readAndAsk(last);
  expect((await last.stats()).reusedTokens).toBeGreaterThan(700);
  await last.close();
});

test.each([
  'full',
  'refused',
] as const)('%s in the middle of a clone, an import and a deletion', async (how) => {
  const first = await openSession(await over(disk), { id: 'book' });
  await readAndAsk(first);
  await first.close();
  const { file, restorableTokens } = await storedSessions(await over(disk)).exportFile('book', {}, {});
  expect(restorableTokens).toBe(first.context.tokens.length);
  const before = await disk.list('');
  const code = how === 'full' ? 'storage/quota' : 'storage/unavailable';

  const model = await over(faultyStore(disk, { commit: 1, how }));
  const sessions = storedSessions(model);
  const session = await openSession(model, { id: 'book' });
  await expect(sessions.clone('book', 'copy')).rejects.toMatchObject({ code });
  expect((await session.stats()).storage).toBe(how === 'full' ? 'full' : 'unavailable');
  await expect(sessions.importFile(file, { id: 'copy' }, {})).rejects.toMatchObject({ code });
  await expect(sessions.rename('book', 'New')).rejects.toMatchObject({ code });
  // The session that is open goes on in memory.
  await session.conversation!.append(' The value of otto is 1234.', {});
  expect(await ask(session)).toContain('4711');
  await session.close();
  expect(await disk.list('')).toEqual(before);
  // A full device still takes a deletion; one that refuses says so, and nothing is half deleted.
  if (how === 'full') await sessions.delete('book');
  else await expect(sessions.delete('book')).rejects.toMatchObject({ code });
  const left = await disk.list('');
  expect(left).toEqual(how === 'full' ? left.filter((key) => /^(head|pages|use|lease)/.test(key)) : before);
  await openSession(await over(disk), { id: 'book' }).then((again) => again.close());
});

test('a store that cannot be read when a session is opened: what is stored under its name stays', async () => {
  const first = await openSession(await over(disk), { id: 'book' });
  await readAndAsk(first);
  const { tokens } = await first.stats();
  await first.close();

  let refusing = false;
  const refuse = async (): Promise<never> => {
    throw new LonghandError('storage/unavailable', 'Refused.');
  };
  const flaky: Store = {
    ...disk,
    get: (key) => (refusing ? refuse() : disk.get(key)),
    getMany: (keys) => (refusing ? refuse() : disk.getMany(keys)),
    list: (prefix) => (refusing ? refuse() : disk.list(prefix)),
    size: (prefix) => (refusing ? refuse() : disk.size(prefix)),
  };
  const model = await over(flaky);
  refusing = true;
  const blind = await openSession(model, { id: 'book' });
  expect(blind.context.tokens).toEqual([]);
  expect(await blind.stats()).toMatchObject({ storage: 'unavailable', storedBytes: 0 });
  refusing = false;
  await blind.conversation!.append('Something else. The value of nora is 1.', {});
  expect((await blind.stats()).storage).toBe('unavailable');
  await blind.close();

  const again = await openSession(await over(disk), { id: 'book' });
  expect(again.context.tokens.length).toBe(tokens);
  expect(await ask(again)).toContain('4711');
  await again.close();
});

test('what a visit of questions alone had to read again is kept', async () => {
  const first = await openSession(await over(disk), { id: 'book' });
  const answer = await readAndAsk(first);
  await first.close();
  await disk.commit({ put: [], delete: (await disk.list('')).filter((key) => !key.startsWith('session/')) });

  const second = await openSession(await over(disk), { id: 'book' });
  expect(await ask(second)).toBe(answer);
  const { tokens, recomputedTokens } = await second.stats();
  expect(recomputedTokens).toBe(tokens);
  await second.close();
  const third = await openSession(await over(disk), { id: 'book' });
  expect(await ask(third)).toBe(answer);
  expect((await third.stats()).reusedTokens).toBe(tokens);
  await third.close();
});

test('records of another layout at a session’s end are read again, not believed', async () => {
  const first = await openSession(await over(disk), { id: 'book' });
  const answer = await readAndAsk(first);
  await first.close();
  const model = await over(disk);
  const { archive } = model.kept!;
  let swaps = 0;
  const swapped: typeof archive = {
    ...archive,
    async fetch(wants) {
      const records = await archive.fetch(wants);
      const { run, group } = wants[0]!;
      const key = run.keys[group];
      if (!key!.startsWith('tail/')) return records;
      swaps++;
      const { found } = decodeRecord((await disk.get(key!))!);
      const { from, to } = found!.layers;
      const other = { ...found!, layers: { from: from + 1, to: to + 1 } };
      await disk.commit({ put: [[key!, encodeRecord(other)]], delete: [] });
      return archive.fetch(wants);
    },
  };
  const again = await openSession({ ...model, kept: { ...model.kept!, archive: swapped } }, { id: 'book' });
  expect(await ask(again)).toBe(answer);
  expect(swaps).toBe(1);
  expect(archive.lost).toMatchObject([{ reason: 'damaged', fault: 'it is a record of something else' }]);
  expect((await again.stats()).recomputedTokens).toBeGreaterThan(0);
  await again.close();
});

test('a whole segment whose chunks make no sense is read again and stored again', async () => {
  const first = await openSession(await over(disk), { id: 'book' });
  const answer = await readAndAsk(first);
  const { tokens } = await first.stats();
  await first.close();
  const [key] = await disk.list('head/');
  const { found } = decodeHead((await disk.get(key!))!);
  await disk.commit({
    put: [[key!, encodeHead({ ...found!, chunks: new Uint8Array(8).fill(255) })]],
    delete: [],
  });
  const again = await openSession(await over(disk), { id: 'book' });
  expect(await ask(again)).toBe(answer);
  expect((await again.stats()).recomputedTokens).toBeGreaterThanOrEqual(256);
  await again.close();
  const third = await openSession(await over(disk), { id: 'book' });
  expect((await third.stats()).reusedTokens).toBe(tokens);
  await third.close();
});

test('a session that cannot be opened holds no memory and no lock', async () => {
  const { backend } = bundled.reader;
  const model = await over(disk);
  const before = backend.bytes().total;
  const first = await openSession(model, { id: 'book', system: 'Answer from the text.' });
  await readAndAsk(first);
  await expect(openSession(model, { id: 'book' })).rejects.toMatchObject({ code: 'input/busy' });
  await first.close();
  expect(backend.bytes().total).toBe(before);
  for (let i = 0; i < 3; i++) {
    await expect(openSession(model, { id: 'book', system: 'Something else.' })).rejects.toMatchObject({
      code: 'input/option',
    });
    const small = { ...model, reader: { ...model.reader, maxTokens: 100 } };
    await expect(openSession(small, { id: 'book' })).rejects.toMatchObject({ code: 'input/too-long' });
    await expect(openSession(model, { id: 'book' }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  }
  expect(backend.bytes().total).toBe(before);
  const again = await openSession(model, { id: 'book' });
  expect((await again.stats()).reusedTokens).toBe(again.context.tokens.length);
  await again.close();
});

test('a predictor whose plans are not prefix-stable writes private pages only', async () => {
  const stable = bundled.reader.predictor;
  const unstable: Predictor = {
    ...stable,
    signature: `unstable ${stable.signature}`,
    needs: { ...stable.needs, prefixStable: false },
  };
  const first = await openSession(await over(disk, unstable), { id: 'book' });
  const answer = await readAndAsk(first);
  const { tokens } = await first.stats();
  await first.close();
  const keys = await disk.list('');
  expect(keys.filter((key) => /^(head|pages)\//.test(key))).toEqual([]);
  expect(keys.some((key) => key.startsWith('tail/'))).toBe(true);

  const again = await openSession(await over(disk, unstable), { id: 'book' });
  expect(await ask(again)).toBe(answer);
  expect(await again.stats()).toMatchObject({ reusedTokens: tokens, prefill: { tokens: 0 } });
  await again.close();
  const other = await openSession(await over(disk, unstable), { id: 'other' });
  await other.conversation!.append(TEXT, {});
  expect((await other.stats()).reusedTokens).toBe(0);
  await other.close();

  // The same session under a stable one: nothing of it may be believed, all of it is read again and shared.
  const changed = await openSession(await over(disk), { id: 'book' });
  expect(await ask(changed)).toContain('4711');
  expect(await changed.stats()).toMatchObject({ reusedTokens: 0, recomputedTokens: tokens });
  await changed.close();
  expect((await disk.list('head/')).length).toBeGreaterThan(0);
});
