import { expect, test } from 'vitest';
import { findPassage, squeeze } from '../../../examples/extension/page/find-passage.js';

const cut = (text: string, found: { start: number; end: number } | undefined): string | undefined =>
  found && text.slice(found.start, found.end);

test('a text without its layout knows where every letter stood', () => {
  const text = '\u00a0a b\u00adc\n\t\u200bd ';
  const { letters, at } = squeeze(text);
  expect(letters).toBe('abcd');
  expect([...at].map((place) => text[place])).toEqual([...'abcd']);
  expect(squeeze(' \n').letters).toBe('');
});

test('white space does not matter, nor what has no width', () => {
  const text = 'It is said: The brass\n   key is hid\u00adden\u00a0in the\tattic. And so on.';
  const found = findPassage(text, { passage: 'The brass key is hidden in the attic.' });
  expect(found?.whole).toBe(true);
  expect(cut(text, found)).toBe('The brass\n   key is hid\u00adden\u00a0in the\tattic.');
});

test('of several the one between the same words, else the nearest', () => {
  const text = 'a Yes. b Yes. c Yes. d Yes.';
  const at = (wanted: object) => findPassage(text, { passage: 'Yes.', ...wanted })?.start;
  expect(at({ before: 'c ' })).toBe(text.indexOf('Yes', 15));
  expect(at({ after: ' c' })).toBe(text.indexOf('Yes', 8));
  // Words that are nowhere do not hide those that are.
  expect(at({ before: 'x', after: ' d' })).toBe(text.indexOf('Yes', 15));
  expect(at({ before: 'x', near: 1 })).toBe(text.lastIndexOf('Yes'));
  expect(at({})).toBe(2);
});

test('what was changed is found by what is left of it; what is gone is not found', () => {
  const text = `${'Nothing of interest here. '.repeat(30)}The old brass key was put into the attic yesterday. ${'More of it. '.repeat(9)}`;
  const passage = 'The old brass key was hidden in the attic yesterday.';
  const found = findPassage(text, { passage });
  expect(found?.whole).toBe(false);
  expect(cut(text, found)).toBe('The old brass key was put into the attic yesterday.');
  expect(
    findPassage(text, { passage: 'A red umbrella stands in the hall, quite forgotten.' }),
  ).toBeUndefined();
  for (const empty of ['', ' \n']) expect(findPassage(text, { passage: empty })).toBeUndefined();
  expect(findPassage('', { passage })).toBeUndefined();
});

test('a text made to be slow is searched all the same', () => {
  const text = 'a'.repeat(300_000);
  expect(findPassage(text, { passage: `${'a'.repeat(400)}b` })?.whole).toBe(false);
});
