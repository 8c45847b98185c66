/**
 * Random sequences of appends, questions, closings and reopenings against a plain model of what should be there: the
 * tokens, the numbers that must add up, and pages, plans and logits equal to those of a fresh context that was given
 * the same tokens in the same way.
 */
import { expect, test } from 'vitest';
import { type OpenContext, openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { random } from '../support/random.js';
import { book, openBundled } from './bundled.js';
import { everything } from './everything.js';

const STEPS = 14;

const walk = async (model: OpenModel, seed: number): Promise<string[]> => {
  const { next, below } = random(seed);
  const log: string[] = [];
  const text = book();
  const id = `walk ${seed}`;
  let session: OpenContext = await openSession(model, { id });
  /** What should be there. Numbers count from the last opening. */
  let tokens: number[] = [];

  for (let step = 0; step < STEPS; step++) {
    const conversation = session.conversation!;
    const turn = below(6);
    const at = below(200_000);
    const piece = text.slice(at, at + 1 + below(next() < 0.3 ? 1500 : 200));
    if (turn <= 1) {
      await conversation.append(piece, {});
      log.push(`append ${piece.length}`);
    } else if (turn === 2) {
      await conversation.ask(
        piece.slice(0, 40),
        { maxTokens: 1 + below(4), ignoreStops: true },
        {},
        () => undefined,
      );
      log.push('ask');
      expect(session.context.tokens, log.join()).toEqual(tokens);
    } else if (turn === 3) {
      const options = { maxTokens: 1 + below(4), ignoreStops: true, continue: true };
      await conversation.ask(piece.slice(0, 40), options, {}, () => undefined);
      log.push('ask on');
    } else if (turn === 4) {
      const stop = new AbortController();
      const done = conversation.append(piece, { signal: stop.signal, onProgress: () => stop.abort() });
      log.push('stopped');
      await done.catch((error) => expect(error.name).toBe('AbortError'));
      if (stop.signal.aborted && session.context.tokens.length === tokens.length) {
        expect(session.context.tokens, log.join()).toEqual(tokens);
      }
    } else {
      await session.close();
      session = await openSession(model, { id });
      log.push('reopen');
      expect(session.context.tokens, log.join()).toEqual(tokens);
      expect((await session.stats()).reusedTokens, log.join()).toBe(tokens.length);
    }
    expect(session.context.tokens.slice(0, tokens.length), log.join()).toEqual(tokens);
    tokens = [...session.context.tokens];
  }

  const stats = await session.stats();
  expect(stats.tokens).toBe(tokens.length);
  expect(stats.storage).toBe('ok');
  for (const density of Object.values(stats.density)) {
    expect(density).toBeGreaterThan(0);
    expect(density).toBeLessThanOrEqual(1);
  }

  const fresh = new Context(model.reader);
  let from = 0;
  for (const { end, exact } of session.context.spans) {
    await fresh.append(tokens.slice(from, end), exact);
    from = end;
  }
  expect(from).toBe(tokens.length);
  if (tokens.length > 0) {
    expect(await everything(model, session.context), log.join()).toEqual(await everything(model, fresh));
  }
  fresh.close();
  await session.close();
  return log;
};

test.each([
  { method: 'dhsa', budget: 192 },
  { method: 'dhsa', budget: 192, boundaries: 'delimiters', refresh: 8 },
  { method: 'dhsa', budget: 192, lists: 'layer', reuse: 8 },
  { method: 'recycled', budget: 192, every: 8, similarity: 0.5 },
  { method: 'sliding', window: 100 },
] as const)('whatever is done to a session: %j', async (attention) => {
  const model = await openBundled({ attention, kv: { store: 'memory' }, maxTokens: 8192 });
  const before = model.reader.backend.bytes();
  const logs = [];
  for (let seed = 1; seed <= 4; seed++) logs.push(await walk(model, seed));
  // The walks went everywhere.
  for (const step of ['ask', 'ask on', 'stopped', 'reopen']) expect(logs.flat()).toContain(step);
  expect(model.reader.backend.bytes()).toMatchObject({ pages: before.pages, chunks: before.chunks });
  await model.close();
});
