/** Rows of a question are what they are, however many one call reads, and whether or not it goes on over the end of a segment. */
import { expect, test } from 'vitest';
import type { Context as PublicContext } from '../../src/context.js';
import { load } from '../../src/engine/index.js';
import { Context } from '../../src/generate/context.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, MODEL, openBundled } from './bundled.js';
import { everything } from './everything.js';

const TEXT = 490;
const END = 560;

const methods: AttentionOptions[] = [
  { method: 'dhsa', budget: 128 },
  { method: 'dhsa', budget: 128, refresh: 16 },
];

test.each(methods)('in one call, or cut at the end of the segment: %j', async (attention) => {
  const model = await openBundled({ attention, kv: { store: 'none' } });
  const ids = (await model.tokenizer.encode(book().slice(5000, 8000))).slice(0, END);
  const read = async (cuts: readonly number[]) => {
    const context = new Context(model.reader);
    await context.append(ids.slice(0, TEXT), false);
    let from = TEXT;
    for (const to of [...cuts, END]) {
      await context.append(ids.slice(from, to), true);
      from = to;
    }
    const logits = [...(await context.logits())];
    const { pages } = await everything(model, context);
    context.close();
    return { logits, pages };
  };
  const { segmentTokens } = model.reader.arena;
  expect(Math.floor(TEXT / segmentTokens)).toBeLessThan(Math.floor(END / segmentTokens));
  const whole = await read([]);
  expect(await read([512])).toEqual(whole);
  await model.close();
});

test('tokens that are read as an answer or a question are what an answer is, not as a text', async () => {
  const model = await load(MODEL, {
    ...{ kernelsUrl, threads: 1, kv: { store: 'none' } },
    attention: { method: 'quest', budget: 128, dense: 0 },
  });
  const ids = (await model.tokenize(book().slice(5000, 8000))).slice(0, TEXT);
  const after = async (read: (context: PublicContext) => Promise<unknown>): Promise<number[]> => {
    const context = await model.context();
    await context.append(ids);
    await read(context);
    const logits = [...(await context.logits())];
    await context.close();
    return logits;
  };
  let answer: number[] = [];
  const answered = await after(async (context) => {
    answer = await context.generate({ maxTokens: 8, temperature: 0 });
  });
  expect(answer).toHaveLength(8);
  for (const as of ['question', 'answer'] as const)
    expect(await after((context) => context.append(answer, { as }))).toEqual(answered);
  expect(await after((context) => context.append(answer))).not.toEqual(answered);
  await expect(after((context) => context.append(answer, { as: 'row' as never }))).rejects.toMatchObject({
    code: 'input/option',
    details: { option: 'as' },
  });
  await model.close();
});

test('an answer is one where a policy chooses between it and the question; what fails leaves all as it was', async () => {
  const model = await load(MODEL, {
    ...{ kernelsUrl, threads: 1, kv: { store: 'none' }, maxTokens: 600 },
    attention: { method: 'dense' },
    retention: { policy: 'expected', budget: 128 },
  });
  const ids = (await model.tokenize(book().slice(5000, 9000))).slice(0, 700);
  const answer = ids.slice(TEXT + 40, TEXT + 60);
  const after = async (
    read: (context: PublicContext) => Promise<unknown>,
    as: 'question' | 'answer' = 'answer',
  ): Promise<number[][]> => {
    const context = await model.context();
    await context.append(ids.slice(0, TEXT));
    await context.append(ids.slice(TEXT, TEXT + 40), { as: 'question' });
    await read(context);
    const found = [[...(await context.logits())]];
    await context.append(answer, { as });
    found.push([...(await context.logits())]);
    await context.close();
    return found;
  };
  const wanted = await after(async () => {});
  const asked = await after(async () => {}, 'question');
  expect(asked[0]).toEqual(wanted[0]);
  expect(asked[1]).not.toEqual(wanted[1]);
  const aborted = await after(async (context) => {
    const [stop, seen] = [new AbortController(), [] as string[]];
    const onProgress = ({ loaded, total }: { loaded: number; total: number }): void => {
      seen.push(`${loaded - TEXT - 40}/${total - TEXT - 40}`);
      if (loaded === TEXT + 45) stop.abort();
    };
    const call = context.append(answer, { as: 'answer', signal: stop.signal, onProgress });
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen.slice(0, 5)).toEqual(['1/20', '2/20', '3/20', '4/20', '5/20']);
    expect((await context.stats()).tokens).toBe(TEXT + 40);
  });
  expect(aborted).toEqual(wanted);
  const tooLong = await after(async (context) => {
    await expect(context.append(ids.slice(0, 100), { as: 'answer' })).rejects.toMatchObject({
      details: { requested: TEXT + 140, quota: 600 },
    });
  });
  expect(tooLong).toEqual(wanted);
  await model.close();
});

test('rows that are planned in two ways are never in one call', async () => {
  const model = await openBundled({ attention: { method: 'auto' }, kv: { store: 'none' } });
  expect(model.reader.predictor.needs.edge).toBe(4096);
  await model.close();
});
