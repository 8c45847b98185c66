import { describe, expect, test } from 'vitest';
import { reads, refusal } from './reading.js';

describe('a grammar', () => {
  const accepts = (grammar: string, text: string) => reads({ grammar })(text);

  test('has rules, strings, classes, groups and counts', () => {
    const sum = `
      # a sum
      root   ::= number (" " sign " " number)*   # of numbers
      sign   ::= "+" | "-"
      number ::= [1-9] [0-9]{0,2} | "0"
    `;
    for (const text of ['0', '7 + 12 - 999']) expect(accepts(sum, text), text).toBe(true);
    for (const text of ['01', '1234', '1+2', '+']) expect(accepts(sum, text), text).toBe(false);
    expect(accepts(sum, '1 +')).toBe('begun');
  });

  test('may call itself, and lie over several lines', () => {
    const nested = 'pair ::=\n  "(" pair? ")" |\n  [^()\\n\\x5d]{2,}\nroot ::= pair "."?';
    for (const text of ['()', '((ab))', '(()).']) expect(accepts(nested, text), text).toBe(true);
    for (const text of ['(a)', '(]])']) expect(accepts(nested, text), text).toBe(false);
  });

  test('knows escapes, characters of any length, and `.` for all but a line break', () => {
    const grammar = String.raw`a-rule ::= "\"\\\t\u00e9\U0001F600" [é-ö\-\]] . [^a]{2}`;
    expect(accepts(grammar, '"\\\té😀ö😀éé')).toBe(true);
    expect(accepts(grammar, '"\\\té😀]x]]')).toBe(true);
    expect(accepts(grammar, '"\\\té😀a')).toBe(false);
    expect(accepts(grammar, '"\\\té😀-\n')).toBe(false);
  });

  test.each([
    ['', 'syntax line 1'],
    ['root := "a"', 'syntax line 1'],
    ['root ::= "a"\nroot ::= "b"', 'syntax line 2'],
    ['root ::= "a\n"', 'syntax line 1'],
    ['root ::= [a', 'syntax line 1'],
    ['root ::= [b-a]', 'syntax line 1'],
    ['root ::= ("a"', 'syntax line 1'],
    ['root ::= "a"\n\nx ::= lost', 'syntax line 3'],
    ['root ::= "a" )', 'syntax line 1'],
    ['root ::= "\\U00ffffff"', 'syntax line 1'],
    ['root ::= root "a" | "b"', 'recursion'],
    ['root ::= a "x" | "b"\na ::= "c"? root', 'recursion'],
    ['root ::= "a" root', 'empty'],
    ['root ::= "a"{3,2}', 'repeat'],
    ['root ::= ("a"{999}){999}', 'size'],
    [`root ::= ${'('.repeat(99)}"a"${')'.repeat(99)}`, 'syntax line 1'],
  ])('%j is refused by name', (grammar, named) => {
    expect(refusal({ grammar })).toBe(`unsupported/constraint ${named}`);
  });

  test('that is always empty, however often, costs nothing', () => {
    expect(reads({ grammar: 'root ::= ((""{60000}){60000}){60000} "a"' })('a')).toBe(true);
  });
});
