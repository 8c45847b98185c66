import { describe, expect, test } from 'vitest';
import { streamAnswer } from '../../src/answer.js';
import type { Finish } from '../../src/generate/conversation.js';
import { createReasoningFilter } from '../../src/generate/reasoning.js';
import { findMarks, leavesOpen } from '../../src/text/reasoning-marks.js';
import { random } from '../support/random.js';

const MARKS = { open: '<think>', close: '</think>' };

/** What a filter makes of a text in these pieces. */
const part = (pieces: readonly string[], inside = false, marks: typeof MARKS | null = MARKS) => {
  const filter = createReasoningFilter(marks ?? undefined, inside);
  const said = [...pieces.flatMap((piece) => filter.push(piece)), ...filter.end()];
  expect(said.every(({ text }) => text !== '')).toBe(true);
  const of = (reasoning: boolean): string =>
    said.flatMap((one) => (one.reasoning === reasoning ? [one.text] : [])).join('');
  // The answer never comes before the thoughts.
  expect(said.map(({ reasoning }) => reasoning)).toEqual(
    said
      .map(({ reasoning }) => reasoning)
      .sort()
      .reverse(),
  );
  return { thoughts: of(true), answer: of(false), state: filter.state };
};

describe('thoughts and answer', () => {
  const whole =
    '\n<think>\nLet me see.\n\n a < b </thin> so \n</think>\n\nThe key is <think> here </think>. ';

  test('in one piece, letter by letter, and cut anywhere', () => {
    const expected = {
      thoughts: 'Let me see.\n\n a < b </thin> so',
      answer: 'The key is <think> here </think>. ',
      state: 'closed',
    };
    expect(part([whole])).toEqual(expected);
    expect(part([...whole])).toEqual(expected);
    const { below } = random(8);
    for (let round = 0; round < 200; round++) {
      const pieces: string[] = [];
      for (let at = 0; at < whole.length; ) {
        const length = 1 + below(9);
        pieces.push(whole.slice(at, at + length));
        at += length;
      }
      expect(part(pieces)).toEqual(expected);
    }
  });

  test('where the prompt has opened them', () => {
    expect(part(['So.', '\n</think>', '\n\nYes.'], true)).toEqual({
      thoughts: 'So.',
      answer: 'Yes.',
      state: 'closed',
    });
  });

  test('that never end', () => {
    expect(part(['<think>', 'On and on </th'])).toEqual({
      thoughts: 'On and on </th',
      answer: '',
      state: 'open',
    });
    expect(part([], true)).toEqual({ thoughts: '', answer: '', state: 'open' });
  });

  test('empty ones are none to show', () => {
    expect(part(['<think>\n\n</think>\n\nYes.'])).toEqual({ thoughts: '', answer: 'Yes.', state: 'closed' });
  });

  test('only at the very beginning', () => {
    for (const text of ['Yes. <think>no</think>', '<thin ice', '</think> what', ' <', '\n']) {
      expect(part([...text])).toEqual({ thoughts: '', answer: text, state: 'none' });
    }
  });

  test('not at all where a model knows none', () => {
    expect(part(['<think>a</think>b'], false, null).answer).toBe('<think>a</think>b');
  });

  test('a long answer costs no more for what came before it', () => {
    const filter = createReasoningFilter(MARKS, true);
    let held = 0;
    for (let i = 0; i < 10_000; i++)
      held += 5 - filter.push('word ').reduce((sum, { text }) => sum + text.length, 0);
    expect(held).toBeLessThanOrEqual(1);
  });
});

test('marks are those of the template, or of the vocabulary', () => {
  expect(findMarks("content.split('</think>')", () => false)).toEqual(MARKS);
  expect(findMarks('', (name) => name.includes('think'))).toEqual(MARKS);
  expect(findMarks('[THINK]x[/THINK]', () => false)?.close).toBe('[/THINK]');
  expect(findMarks('plain', () => false)).toBeUndefined();
  expect(leavesOpen(MARKS, 'a<think>\n')).toBe(true);
  expect(leavesOpen(MARKS, '<think>\n\n</think>\n')).toBe(false);
  expect(leavesOpen(MARKS, 'none')).toBe(false);
});

describe('the two streams of an answer', () => {
  const FINISH = { reason: 'stop' } as Finish;
  const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
  const collect = async (pieces: AsyncIterable<string>): Promise<string[]> => {
    const all: string[] = [];
    for await (const piece of pieces) all.push(piece);
    return all;
  };

  test('one after the other, as they come', async () => {
    let answered = false;
    const answer = streamAnswer(undefined, async (_, onText) => {
      onText('so', true);
      await tick();
      onText('hm', true);
      await tick();
      onText('Yes', false);
      await tick();
      answered = true;
      onText('.', false);
      return FINISH;
    });
    expect(await collect(answer.reasoning)).toEqual(['so', 'hm']);
    expect(answered).toBe(false);
    expect(await collect(answer)).toEqual(['Yes', '.']);
    // The pieces are kept.
    expect(await answer.reasoning.text()).toBe('sohm');
    expect(await answer.text()).toBe('Yes.');
  });

  test('no thoughts: the loop ends where the answer begins', async () => {
    const answer = streamAnswer(undefined, async (_, onText) => {
      onText('Yes', false);
      return FINISH;
    });
    expect(await collect(answer.reasoning)).toEqual([]);
    expect(await answer.text()).toBe('Yes');
  });

  test('leaving the thoughts stops nothing, leaving the answer does', async () => {
    let aborted = false;
    const answer = streamAnswer(undefined, async (signal, onText) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      for (const text of ['a', 'b']) onText(text, true);
      for (let i = 0; i < 50 && !aborted; i++) {
        await tick();
        onText('x', false);
      }
      return FINISH;
    });
    for await (const piece of answer.reasoning) {
      expect(piece).toBe('a');
      break;
    }
    await tick();
    expect(aborted).toBe(false);
    for await (const piece of answer) {
      expect(piece).toBe('x');
      break;
    }
    expect(aborted).toBe(true);
  });

  test('both reject with what went wrong', async () => {
    const answer = streamAnswer(undefined, async (_, onText) => {
      onText('so', true);
      await tick();
      throw new Error('lost');
    });
    await expect(collect(answer.reasoning)).rejects.toThrow('lost');
    await expect(collect(answer)).rejects.toThrow('lost');
    await expect(answer.reasoning.text()).rejects.toThrow('lost');
  });
});
