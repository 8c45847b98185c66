import { expect, test } from 'vitest';
import { createStopFilter } from '../../src/generate/stop.js';

const run = (stops: string[], pieces: string[]) => {
  const filter = createStopFilter(stops);
  const shown = pieces.map((piece) => filter.push(piece));
  return { text: shown.join('') + filter.end(), shown, met: filter.met };
};

test('without stop strings everything passes at once', () => {
  expect(run([], ['a', 'bc']).shown).toEqual(['a', 'bc']);
});

test('a stop string is found in every cutting of the text', () => {
  const text = 'one two END three';
  for (let i = 0; i <= text.length; i++) {
    for (let j = i; j <= text.length; j++) {
      const { text: shown, met } = run(['END', 'three'], [text.slice(0, i), text.slice(i, j), text.slice(j)]);
      expect(shown).toBe('one two ');
      expect(met).toBe('END');
    }
  }
});

test('text that only begins like a stop string is given back', () => {
  expect(run(['<end>'], ['a <en', 'ough']).text).toBe('a <enough');
  expect(run(['<end>'], ['a <en']).text).toBe('a <en');
  expect(run(['<end>'], ['a <en', 'ough']).shown[0]).toBe('a ');
});

test('an overlap does not hide the real one', () => {
  expect(run(['aab'], ['aaab!']).text).toBe('a');
  expect(run(['abab'], ['ab', 'xabab']).text).toBe('abx');
});
