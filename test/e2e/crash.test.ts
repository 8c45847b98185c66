/** Twelve of the crashes of `npm run test:crash`: visits killed at random moments, and what the next visit finds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Truth } from '../crash/complaints.js';
import { learnTruth, rehearse, runCycle, Theatre } from '../crash/cycle.js';
import { randomPlan } from '../crash/plans.js';
import { openStage, type Stage } from '../crash/stage.js';

const STORES = ['idb', 'opfs'] as const;
const profile = mkdtempSync(join(tmpdir(), 'longhand-crash-'));
let stage: Stage;
let theatre: Theatre;
let truth: Truth;
const rehearsals = new Map<string, Awaited<ReturnType<typeof rehearse>>>();

beforeAll(async () => {
  stage = await openStage();
  theatre = new Theatre(stage, profile);
  truth = await learnTruth(theatre);
  for (const store of STORES) rehearsals.set(store, await rehearse(theatre, store));
}, 180_000);
afterAll(async () => {
  await theatre?.close();
  await stage?.close();
  rmSync(profile, { recursive: true, force: true });
});

test('undisturbed visits say something, differently at every stage', () => {
  const said = truth.answers.map(({ continued }) => continued);
  expect(said.every((text) => text.length > 0)).toBe(true);
  expect(new Set(truth.answers.map(({ tokens }) => tokens)).size).toBe(said.length);
  expect(truth.heads.length).toBeGreaterThan(2);
});

test.each(STORES)('an undisturbed visit on %s evicts texts and private runs', (store) => {
  const points = [...rehearsals.get(store)!.points.keys()];
  for (const what of ['a text', 'private runs']) {
    for (const when of ['before', 'after']) expect(points).toContain(`${when} the eviction of ${what}`);
  }
});

test.each(Array.from({ length: 12 }, (_, seed) => seed))('seed %i', async (seed) => {
  const store = STORES[seed % STORES.length]!;
  const plan = randomPlan(seed, store, rehearsals.get(store)!);
  const { complaints } = await runCycle(theatre, truth, plan);
  expect(complaints, JSON.stringify(plan)).toEqual([]);
});
