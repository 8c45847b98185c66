/** Texts longer than any context, read window by window: what answers the question is kept. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { load, type Model } from '../../src/engine/index.js';
import { keepSentences } from '../../src/generate/sift.js';
import { kernelsUrl } from '../support/kernels.js';
import { book, MODEL } from './bundled.js';

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: { code: string }) => error.code,
  );

const MAX_TOKENS = 1024;
const FACT = 'The magic number of Trieste is 58213.';
const QUESTION = 'What is the magic number of Trieste?';

/** A passage with the fact in it, at this share of its length. */
const textWith = (depth: number): string => {
  const passage = book().slice(2000, 2000 + 13_500);
  const cut = passage.indexOf('. ', depth * passage.length) + 2;
  return `${passage.slice(0, cut)}${FACT} ${passage.slice(cut)}`;
};

describe('a text three times as long as the context', () => {
  let model: Model;
  beforeAll(async () => {
    model = await load(MODEL, { kernelsUrl, threads: 1, maxTokens: MAX_TOKENS, kv: { store: 'none' } });
  });
  afterAll(() => model.close());

  test.each([0.02, 0.93])('is answered from when the fact lies at %d of it', async (depth) => {
    const text = textWith(depth);
    const session = await model.session();
    expect(await codeOf(session.append(text))).toBe('input/too-long');
    const steps: number[] = [];
    const found = await session.sift(text, QUESTION, {
      keep: 200,
      onProgress: ({ loaded }) => steps.push(loaded),
    });
    expect(found.read).toBeGreaterThan(3 * MAX_TOKENS);
    expect(found.windows).toBeGreaterThan(3);
    expect(found.windows).toBe(steps.length);
    expect(steps.at(-1)).toBe(found.read);
    expect(found.tokens).toBeLessThanOrEqual(200);
    expect(found.text).toContain(FACT);
    expect(text.replaceAll(/\s+/g, ' ')).toContain(found.sentences[0]!.replaceAll(/\s+/g, ' '));
    expect((await session.stats()).tokens).toBe(0);
    await session.append(found.text);
    expect(await session.ask(QUESTION).text()).toContain('58213');
    await session.close();
  });

  test('what cannot be sifted is refused, and nothing stays of it', async () => {
    const session = await model.session();
    expect(await codeOf(session.sift('A text.', QUESTION, { keep: 1000 }))).toBe('input/too-long');
    expect(await codeOf(session.sift('A text.', QUESTION, { phrases: 2 } as object))).toBe('input/option');
    expect(await codeOf(session.sift(7 as unknown as string, QUESTION))).toBe('input/type');
    expect(await session.sift('', QUESTION)).toMatchObject({ text: '', read: 0, windows: 0 });
    await session.close();
  });
});

describe('sentences', () => {
  const sentences = [
    [1, 2, 3],
    [4, 5],
    [6, 7, 8, 9],
  ];
  const worth = [0, 0, 1, 2, 2, 3, 0, 0, 0];

  test('come in by their best phrase, in their order, while there is room', () => {
    expect(keepSentences(sentences, worth, 2, 9)).toEqual(sentences);
    expect(keepSentences(sentences, worth, 2, 6)).toEqual([
      [4, 5],
      [6, 7, 8, 9],
    ]);
    // The second best does not fit, the third does.
    expect(keepSentences(sentences, worth, 2, 5)).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
    expect(keepSentences(sentences, worth, 2, 1)).toEqual([]);
  });

  test('on which nothing lies are not kept', () => {
    expect(keepSentences(sentences, [0, 0, 0, 0, 0, 0, 0, 0, 1], 4, 9)).toEqual([[6, 7, 8, 9]]);
  });
});
