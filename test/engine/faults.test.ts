/** Storage that fails at any write or read, or by chance: the answers are those of an undisturbed run. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OpenModel } from '../../src/engine/open-model.js';
import { openStore, type Store } from '../../src/stores/index.js';
import { type Fault, faultyStore } from '../support/faulty-store.js';
import { unreliableStore } from '../support/unreliable-store.js';
import { openSmall, over, type Visited, visit } from './small-model.js';

const NEVER = Number.POSITIVE_INFINITY;
let model: OpenModel;
/** Of a first visit and of a second one, which only asks. */
let undisturbed: { readonly first: Visited; readonly second: Visited; commits: number; reads: number };
beforeAll(async () => {
  model = await openSmall();
  const disk = await openStore('memory');
  const writing = faultyStore(disk, { commit: NEVER, how: 'full' });
  const first = await visit(await over(model, writing), true);
  const reading = faultyStore(disk, { commit: NEVER, how: 'full' });
  const second = await visit(await over(model, reading), false);
  undisturbed = { first, second, commits: writing.commits, reads: reading.reads };
});
afterAll(() => model.close());

/** What is said first by a session that begins with so many tokens: the text, or the conversation too. */
const said = (tokens: number): string => {
  const known = [undisturbed.first, undisturbed.second].find((visited) => visited.tokens === tokens);
  expect(known, `a session of ${tokens} tokens`).toBeDefined();
  return known!.answers[0]!;
};
const headsOf = async (disk: Store): Promise<number> => (await disk.list('head/')).length;

/** A visit on a healthy device after whatever happened: everything that was committed is used, the rest is told. */
const expectRecovery = async (disk: Store, where: string): Promise<void> => {
  const heads = await headsOf(disk);
  const again = await visit(await over(model, disk), false);
  const { tokens, reusedTokens, recomputedTokens, prefill, decode, storage } = again.stats;
  expect(again.answers[0], where).toBe(said(again.tokens));
  expect(storage, where).toBe('ok');
  expect(reusedTokens, where).toBeGreaterThanOrEqual(256 * heads);
  expect(recomputedTokens, where).toBeGreaterThanOrEqual(again.resumedTokens - reusedTokens);
  expect(reusedTokens + prefill.tokens + decode.tokens, where).toBeGreaterThanOrEqual(tokens);
};

test('an undisturbed second visit reads nothing', () => {
  const { first, second, commits, reads } = undisturbed;
  expect(second.tokens).toBeGreaterThan(first.tokens);
  expect(second.stats.reusedTokens).toBe(second.resumedTokens);
  expect(second.stats.recomputedTokens).toBe(0);
  expect(commits).toBeGreaterThan(8);
  expect(reads).toBeGreaterThan(8);
});

test.each<[string, Omit<Fault, 'commit'>]>([
  ['full from write n on', { how: 'full' }],
  ['full at write n alone', { how: 'full', once: true }],
  ['refused from write n on', { how: 'refused' }],
  ['refused at write n alone', { how: 'refused', once: true }],
  ['dead at write n', { how: 'dead' }],
  ['dead just after write n', { how: 'late' }],
])('%s', async (name, fault) => {
  for (let commit = 1; commit <= undisturbed.commits; commit++) {
    const where = `${name}, n = ${commit}`;
    const disk = await openStore('memory');
    const store = faultyStore(disk, { commit, ...fault });
    const { answers, stats } = await visit(await over(model, store), true);
    expect(answers, where).toEqual(undisturbed.first.answers);
    expect(stats.tokens, where).toBe(undisturbed.first.stats.tokens);
    if (!fault.once && commit < undisturbed.commits / 2)
      expect(stats.storage, where).toBe(fault.how === 'full' ? 'full' : 'unavailable');
    store.abandon();
    await expectRecovery(disk, where);
  }
});

/** Nothing is shared by content: the whole text lies in private runs, several of them. */
const unshared = (): OpenModel => {
  const { predictor } = model.reader;
  const needs = { ...predictor.needs, prefixStable: false };
  return { ...model, reader: { ...model.reader, predictor: { ...predictor, needs } } };
};

test('write n alone fails, where everything is private', async () => {
  const counting = faultyStore(await openStore('memory'), { commit: NEVER, how: 'full' });
  const { answers: expected } = await visit(await over(unshared(), counting), true);
  for (const how of ['full', 'refused'] as const) {
    for (let commit = 1; commit <= counting.commits; commit++) {
      const where = `${how} at ${commit}`;
      const disk = await openStore('memory');
      const { answers } = await visit(
        await over(unshared(), faultyStore(disk, { commit, how, once: true })),
        true,
      );
      expect(answers, where).toEqual(expected);
      const again = await visit(await over(unshared(), disk), false);
      expect(again.answers[0], where).toBe(said(again.tokens));
      const { reusedTokens, recomputedTokens } = again.stats;
      expect(recomputedTokens, where).toBeGreaterThanOrEqual(again.resumedTokens - reusedTokens);
    }
  }
});

test('read n is refused', async () => {
  for (let read = 1; read <= undisturbed.reads; read++) {
    const where = `read ${read}`;
    const disk = await openStore('memory');
    await visit(await over(model, disk), true);
    const heads = await headsOf(disk);
    const store = faultyStore(disk, { commit: NEVER, how: 'full', read });
    const { answers, resumedTokens, tokens, stats } = await visit(await over(model, store), false);
    expect(answers[0], where).toBe(said(tokens));
    // Attached, or computed again and told; or the session could not be looked up, and the text was read as a new one.
    const { reusedTokens, recomputedTokens } = stats;
    expect(reusedTokens + recomputedTokens, where).toBeGreaterThanOrEqual(resumedTokens);
    expect(await headsOf(disk), where).toBe(heads);
    await expectRecovery(disk, where);
  }
});

test.each([1, 2, 3, 4, 5, 6])('a device that fails by chance, seed %i', async (seed) => {
  const disk = await openStore('memory');
  const chances = {
    slow: 0.5,
    refuse: 0.05,
    full: 0.1,
    lose: 0.05,
    damage: 0.05,
    keys: /^(head|pages|tail)/,
  };
  let faults = 0;
  for (let round = 0; round < 4; round++) {
    const store = unreliableStore(disk, { seed: 100 * seed + round, ...chances });
    const { answers, tokens } = await visit(await over(model, store), round === 0);
    expect(answers[0], `round ${round}`).toBe(said(tokens));
    if (round === 0) expect(answers).toEqual(undisturbed.first.answers);
    faults += store.faults;
  }
  expect(faults).toBeGreaterThan(0);
  await expectRecovery(disk, `seed ${seed}`);
});
