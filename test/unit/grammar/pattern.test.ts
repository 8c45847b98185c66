/** Expressions against the platform's own engine. */
import { describe, expect, test } from 'vitest';
import { random } from '../../support/random.js';
import { reads, refusal } from './reading.js';

/** Those that a linter would not let stand as literals. */
const expression = (source: string, flags = '') => new RegExp(source, flags);

const EXPRESSIONS = [
  /yes|no/,
  /^(yes|no)$/,
  /a*b+c?/,
  /(ab){2,3}x{0,2}y{1,}/,
  /[a-c]+[^a-c]?/,
  /\d{2}-\d{1,2}/,
  /\w+\s\w+/,
  /[\d.,]+\$/,
  /(?:a|b(?:c|d)*)+/,
  /(?<name>a)b\/c/,
  /x{2}|x{4}/,
  expression('[^]a.', 's'),
  /.b\.[.]/,
  /a{,2}|[a\]-]-/,
  /\x61\u0062\t\n?/,
  /ab|cd/i,
  /[a-b]c[^d]/i,
  /é+[à-ÿ]/iu,
  /[^b]y/iu,
  /😀[a😀]?/u,
  expression('😀a|b'),
  /.|ab/u,
  /\u{1F600}|\cJ/u,
  /\W\D\S/u,
  expression('(a|)b()*'),
  /a*?b+?/,
];
const ALPHABET = [...'abcdxyABCDyesno019-.,$ /\t\n]{}2éÉàÿkKſ😀_', '\u2028', '\u212a'];

describe('an expression', () => {
  const dice = random(11);
  test.each(EXPRESSIONS)('%s takes nothing that it does not match', (given) => {
    const whole = new RegExp(`^(?:${given.source})$`, given.flags);
    const accepts = reads({ pattern: given });
    const letters = [...new Set([...ALPHABET, ...given.source])];
    let matched = 0;
    // Texts grow from what may be gone on with, so that most of them come close.
    let begun = [''];
    for (let length = 0; length < 9; length++) {
      const longer: string[] = [];
      for (const text of begun) {
        const found = accepts(text);
        const isMatch = whole.test(text);
        if (found === true) expect(isMatch, JSON.stringify(text)).toBe(true);
        // Without the flag u a character beyond U+FFFF is two to the platform; here only literal ones are written. And
        // the two that fold to letters of ASCII are never written for these.
        if (isMatch && !/[\u{10000}-\u{10ffff}\u017f\u212a]/u.test(text))
          expect(found, JSON.stringify(text)).toBe(true);
        if (isMatch) matched += 1;
        if (found !== false) longer.push(...letters.map((one) => text + one));
      }
      begun = longer.filter(() => longer.length < 400 || dice.next() < 400 / longer.length);
    }
    expect(matched).toBeGreaterThan(0);
  });

  test.each([
    [/a(?=b)/, '(?='],
    [/(?<!a)b/, '(?<!'],
    [/(a)\1/, '\\1'],
    [/\bword\b/, '\\b'],
    [/\p{L}/u, '\\p'],
    [/a|b$/, '|'],
    [/a^b/, '^'],
    [expression('a', 'v'), 'flags'],
    [/^a$/m, 'flags'],
    [expression('😀+'), 'flags'],
    [/[^é]/i, 'flags'],
    [expression('[\\0-\\uffff]', 'i'), 'flags'],
    [/(?:a{999}){999}/, 'size'],
    [expression('[]'), 'empty'],
    ['(', 'syntax'],
  ])('%s is refused by name', (pattern, keyword) => {
    expect(refusal({ pattern }).startsWith(`unsupported/constraint ${keyword}`), refusal({ pattern })).toBe(
      true,
    );
  });

  test('a source without slashes is one too', () => {
    expect(reads({ pattern: 'a|b' })('b')).toBe(true);
  });
});
