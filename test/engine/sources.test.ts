/** Where an answer came from: the passage with the fact gets more of attention than any other that is chosen. */
import { afterAll, describe, expect, test } from 'vitest';
import { load, type Model } from '../../src/engine/index.js';
import type { Source } from '../../src/index.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { MODEL, withFact } from './bundled.js';

const FACT = 'The magic number of Trieste is 58213.';
const QUESTION = 'What is the magic number of Trieste?';
const TEXT = withFact(5000, FACT);

const methods: Record<string, AttentionOptions> = {
  dense: { method: 'dense' },
  dhsa: { method: 'dhsa', budget: 384 },
  'one list for a layer': { method: 'dhsa', budget: 512, lists: 'layer' },
  delimiters: { method: 'dhsa', budget: 384, boundaries: 'delimiters' },
};
const models: Model[] = [];
const open = async (attention: AttentionOptions) => {
  const model = await load(MODEL, { kernelsUrl, threads: 1, attention, kv: { store: 'none' } });
  models.push(model);
  return model.session();
};
afterAll(() => Promise.all(models.map((model) => model.close())));

describe.each(Object.entries(methods))('%s', (_, attention) => {
  test('the fact has the greatest share of what is chosen, and asking for it changes nothing', async () => {
    const session = await open(attention);
    await session.append(TEXT);
    const { tokens } = await session.stats();
    const plain = await session.ask(QUESTION).text();
    const answer = session.ask(QUESTION, { sources: true });
    expect(await answer.text()).toBe(plain);
    expect(plain).toContain('58213');
    const sources: readonly Source[] = (await answer.finish).sources!;
    expect(sources.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 4);
    sources.forEach(({ start, end, share }, i) => {
      expect(share).toBeGreaterThan(0);
      expect(start).toBeLessThan(end);
      if (i > 0) expect(start).toBeGreaterThanOrEqual(sources[i - 1]!.end);
    });
    const [best] = sources.filter(({ part }) => part === 'text').sort((a, b) => b.share - a.share);
    expect(await session.passage(best!)).toMatch(/58213|Trieste|magic/);
    expect(sources[0]).toMatchObject({ start: 0, part: 'sinks' });
    expect(sources.at(-1)).toMatchObject({ part: 'recent' });
    expect(sources.at(-1)!.start).toBeGreaterThan(tokens - 192);
    expect((await session.stats()).tokens).toBe(tokens);
    expect((await session.ask(QUESTION).finish).sources).toBeUndefined();
  });
});

test('of a text shorter than a page everything is recent; passages end where the session does', async () => {
  const session = await open({ method: 'dhsa', budget: 384 });
  await session.append(FACT);
  const { sources } = await session.ask(QUESTION, { sources: true, continue: true }).finish;
  const { tokens } = await session.stats();
  expect(sources).toEqual([{ start: 0, end: tokens, share: 1, part: 'recent' }]);
  expect(await session.passage({ start: 0, end: 10 ** 6 })).toContain(FACT);
  expect(await session.passage({ start: tokens, end: tokens + 9 })).toBe('');
  for (const wrong of [
    { start: -1, end: 3 },
    { start: 5, end: 4 },
  ])
    await expect(session.passage(wrong)).rejects.toMatchObject({ code: 'input/option' });
  await expect(session.ask(QUESTION, { sources: 'yes' as unknown as boolean }).finish).rejects.toMatchObject({
    code: 'input/option',
  });
});

test('an answer that is stopped leaves nothing behind on the device', async () => {
  const session = await open({ method: 'dense' });
  await session.append(TEXT.slice(0, 2000));
  await session.ask(QUESTION, { sources: true }).finish;
  const before = (await session.stats()).bytes.total;
  for await (const _ of session.ask(QUESTION, { sources: true })) break;
  await session.ask(QUESTION, { sources: true }).finish;
  expect((await session.stats()).bytes.total).toBe(before);
});
