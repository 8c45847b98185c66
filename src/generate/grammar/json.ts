import type { Builder } from './builder.js';
import { type Characters, complement, EVERY, minus, oneOf } from './characters.js';
import type { Fragment } from './network.js';

/** Characters that JSON writes as themselves inside a string. */
const PLAIN = minus(EVERY, [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]);
const ESCAPED = complement(PLAIN);
const ESCAPED_CODES = [...Array(0x20).keys(), 0x22, 0x5c];
const HEX = [
  [0x30, 0x39],
  [0x41, 0x46],
  [0x61, 0x66],
] as const;
/** Digits that a number may have before and after its point: doubles keep no more. */
const MOST_DIGITS = 15;
/** Spaces after a line break. */
const DEEPEST_INDENT = 16;

/** The parts of JSON, each written once for all the places that use it. */
export interface Json {
  /** Between values: nothing, one space, or a line break with up to 16 spaces. */
  readonly space: Fragment;
  /** One character of a set inside a string, in the one way that JSON.stringify writes it. */
  character(set: Characters): Fragment;
  /** A value written as JSON.stringify does. */
  literal(value: unknown): Fragment;
  /** A string of `least` to `most` characters. */
  string(least: number, most: number): Fragment;
  digits(least: number, most: number): Fragment;
  readonly number: Fragment;
  /** A number without a sign. */
  readonly positive: Fragment;
  /** Anything at all. */
  readonly any: Fragment;
  /** `open`, then `entry` any number of times with commas between, then `close`. */
  list(open: string, entry: Fragment, close: string): Fragment;
}

export const createJson = (builder: Builder): Json => {
  const { sequence, choice, optional, repeat, rule, text, bytes } = builder;
  const digits = (least: number, most: number): Fragment => repeat(bytes([0x30, 0x39]), least, most);
  const character = (set: Characters): Fragment => {
    const plain = minus(set, ESCAPED);
    const escapes = ESCAPED_CODES.filter((code) => minus([[code, code]], set).length === 0).map((code) =>
      text(JSON.stringify(String.fromCharCode(code)).slice(1, -1)),
    );
    return choice(...(plain.length > 0 ? [oneOf(builder, plain)] : []), ...escapes);
  };
  const hex = bytes(...HEX);
  // Not a rule: in the middle of a string nothing is left or entered, so that its mask is found once.
  const usual = choice(
    oneOf(builder, PLAIN),
    sequence(
      text('\\'),
      choice(
        bytes(...Array.from('"\\/bfnrt', (one) => [one.charCodeAt(0), one.charCodeAt(0)] as const)),
        // No half of a surrogate pair: it is no character.
        sequence(
          text('u'),
          bytes([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]),
          hex,
          hex,
          hex,
        ),
        sequence(text('u'), bytes([0x44, 0x44], [0x64, 0x64]), bytes([0x30, 0x37]), hex, hex),
      ),
    ),
  );
  const space = rule('space', () =>
    choice(builder.nothing, text(' '), sequence(text('\n'), repeat(text(' '), 0, DEEPEST_INDENT))),
  );
  const string = (least: number, most: number): Fragment =>
    rule(`string ${least} ${most}`, () => sequence(text('"'), repeat(usual, least, most), text('"')));
  const list = (open: string, entry: Fragment, close: string): Fragment => {
    const more = sequence(space, text(','), space, entry);
    return sequence(
      text(open),
      space,
      optional(sequence(entry, repeat(more, 0, Number.POSITIVE_INFINITY), space)),
      text(close),
    );
  };
  const positive = rule('positive', () =>
    sequence(
      choice(text('0'), sequence(bytes([0x31, 0x39]), digits(0, MOST_DIGITS - 1))),
      optional(sequence(text('.'), digits(1, MOST_DIGITS))),
      optional(
        sequence(
          bytes([0x45, 0x45], [0x65, 0x65]),
          optional(bytes([0x2b, 0x2b], [0x2d, 0x2d])),
          digits(1, 2),
        ),
      ),
    ),
  );
  const number = sequence(optional(text('-')), positive);
  const any: Fragment = rule('any', () =>
    choice(
      string(0, Number.POSITIVE_INFINITY),
      number,
      text('true'),
      text('false'),
      text('null'),
      list('[', any, ']'),
      list('{', sequence(string(0, Number.POSITIVE_INFINITY), space, text(':'), space, any), '}'),
    ),
  );
  return {
    space,
    character,
    literal: (value) => text(JSON.stringify(value)),
    string,
    digits,
    number,
    positive,
    any,
    list,
  };
};
