import { describe, expect, test } from 'vitest';
import { calculate } from '../../../examples/assistant/calculate.js';
import { rowsOf } from '../../../examples/assistant/forms.js';
import { passagesOf, search } from '../../../examples/assistant/search.js';

describe('the calculator', () => {
  test.each([
    ['12*7', '84'],
    ['(1 + 2) × 3 − 4 ÷ 8', '8.5'],
    ['2^3^2', '512'],
    ['-2^2', '-4'],
    ['10 % 4 * 2', '4'],
    ['0.1 + 0.2', '0.3'],
    ['1,000,000 / 8', '125000'],
    ['sqrt(16) + ABS(-3) + round(2.5)', '10'],
    ['2*pi', '6.28318530718'],
    ['1.5e3', '1500'],
  ])('%s', (expression, result) => {
    expect(calculate(expression)).toBe(`${expression} = ${result}`);
  });

  test.each([
    ...['', '12*', '(1', '1)', '1 2 x', 'alert(1)', 'constructor', 'toString(1)', '__proto__', 'sqrt', '1/0'],
    ...['globalThis', '((((', `${'('.repeat(500)}1`, '1+`x`', 'sqrt(-1)'],
  ])('refuses %s in words', (expression) => {
    expect(() => calculate(expression)).toThrow(/expression|calculated|finite/);
  });
});

describe('the search', () => {
  const texts = [
    {
      name: 'a',
      words: 'The tide was low. The brass key is hidden in the attic.\n\nThe key of C is bright.',
    },
    {
      name: 'b',
      words: `The lamp was lit. ${'It burned all night. '.repeat(60)}Nobody found the brass lamp.`,
    },
  ];

  test('finds the passage that has most of the rarest words', () => {
    const [best, ...others] = search(texts, 'Where is the brass KEY?');
    expect(best).toEqual({ name: 'a', passage: 'The tide was low. The brass key is hidden in the attic.' });
    expect(others.length).toBeLessThanOrEqual(2);
    expect(search(texts, 'zeppelin')).toEqual([]);
    expect(search(texts, '')).toEqual([]);
    expect(search([], 'key')).toEqual([]);
  });

  test('cuts long paragraphs between sentences, and sentences that never end', () => {
    const passages = passagesOf(texts[1]!.words);
    expect(passages.length).toBeGreaterThan(2);
    expect(passages.every((passage) => passage.length <= 420 && passage.endsWith('.'))).toBe(true);
    expect(passagesOf('x'.repeat(10_000)).map(({ length }) => length)).toEqual([420]);
  });
});

test('only an object is shown as a table', () => {
  expect(rowsOf('{"name":"nora","items":["a",2,{"b":null}]}')).toEqual([
    ['name', 'nora'],
    ['items', 'a\n2\n{"b":null}'],
  ]);
  for (const text of ['', 'The value', '[1]', '{"name":', '{} and more'])
    expect(rowsOf(text)).toBeUndefined();
});
