import { describe, expect, test } from 'vitest';
import { binsOf, nextTo, placeIn, strongest } from '../../../examples/reader/bins.js';
import { facts, hideFacts } from '../../../examples/reader/facts.js';
import { hideAt, placeAt } from '../../../examples/reader/hide.js';
import { bytes, count, left, percent, seconds, speed } from '../../../examples/reader/numbers.js';
import type { Source } from '../../../src/index.js';

const source = (start: number, end: number, share: number, part: Source['part'] = 'text'): Source => ({
  start,
  end,
  share,
  part,
});
const sources = [
  source(0, 16, 0.1, 'sinks'),
  source(30, 55, 0.2),
  source(55, 60, 0.3),
  source(90, 130, 0.4, 'recent'),
];

describe('the strip', () => {
  test('the highest bar is the source that was read most; bins a source covers are as high as it is', () => {
    const bins = binsOf(sources, 100, 10);
    expect(bins.map(({ text }) => text)).toEqual([0, 0, 0, 0.2, 0.2, 0.3, 0, 0, 0, 0]);
    expect(bins.map(({ apart }) => apart)).toEqual([0.1, 0.1, 0, 0, 0, 0, 0, 0, 0, 0.4]);
    expect(bins[3]).toMatchObject({ start: 30, end: 40 });
  });

  test('the chunks beside a place are those of the text that were read, and there is none beyond its ends', () => {
    expect(nextTo(sources, 30, 1)).toBe(sources[2]);
    expect(nextTo(sources, 57, -1)).toBe(sources[2]);
    expect(nextTo(sources, 55, -1)).toBe(sources[1]);
    expect(nextTo(sources, 30, -1)).toBeUndefined();
    expect(nextTo(sources, 55, 1)).toBeUndefined();
  });

  test('bins narrower than a token, and texts without tokens, are no error', () => {
    expect(binsOf([source(0, 3, 1)], 3, 9).every(({ text }) => text === 1)).toBe(true);
    expect(binsOf([], 0, 4)).toHaveLength(4);
  });

  test('a place opens the source that was read most in it, or itself', () => {
    expect(placeIn(sources, { start: 50, end: 58 })).toEqual(sources[2]);
    expect(placeIn(sources, { start: 62, end: 70 })).toEqual({ start: 62, end: 70, share: 0 });
    expect(placeIn(sources, { start: 95, end: 99 })).toEqual({
      start: 95,
      end: 99,
      share: 0.4,
      part: 'recent',
    });
    expect(strongest(sources, 1)).toEqual([sources[2]]);
  });
});

describe('hiding', () => {
  const text = 'One. Two. Three. Four';
  test('happens between sentences, behind the text where none ends any more', () => {
    expect(hideAt(text, 0.1, 'X.')).toBe('One. X. Two. Three. Four');
    expect(hideAt(text, 0.99, 'X.')).toBe('One. Two. Three. Four X.');
    expect(placeAt(text, 1)).toBe(text.length);
  });
  test('puts every fact into the text once', () => {
    const hidden = hideFacts('A sentence. '.repeat(400));
    for (const { statement } of facts) expect(hidden.split(statement)).toHaveLength(2);
  });
});

test('numbers are written for people', () => {
  expect([bytes(999), bytes(5_960_000), bytes(1.5e9)]).toEqual(['1 kB', '6.0 MB', '1.50 GB']);
  expect([seconds(0.0432), seconds(12.34), seconds(200)]).toEqual(['43 ms', '12.3 s', '3 min 20 s']);
  expect([left(0.4), left(31.4), left(600)]).toEqual([
    'less than a second left',
    '31 s left',
    'about 10 min left',
  ]);
  expect([percent(0.021), percent(0.63), percent(1)]).toEqual(['2.1 %', '63 %', '100 %']);
  const whole = [0, 7, 999, 1000, 12_345, 123_456, 1_234_567, -1234, 131_072];
  expect(whole.map(count)).toEqual(whole.map((n) => n.toLocaleString('en')));
  expect(speed({ tokens: 0, seconds: 0 })).toBe('–');
  expect(speed({ tokens: 3000, seconds: 2 })).toBe('1,500 tokens/s');
});
