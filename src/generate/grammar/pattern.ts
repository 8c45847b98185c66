import type { Builder } from './builder.js';
import { type Characters, characters, complement, EVERY, minus, union } from './characters.js';
import type { Fragment } from './network.js';
import { unsupportedGrammar } from './refusal.js';

const DIGITS: Characters = [[0x30, 0x39]];
const WORD = union(DIGITS, characters('_'), [
  [0x41, 0x5a],
  [0x61, 0x7a],
]);
const SPACE = union(characters('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'), [
  [0x2000, 0x200a],
]);
const BREAKS = characters('\n\r\u2028\u2029');
const SHORTHANDS: Readonly<Record<string, Characters>> = { d: DIGITS, w: WORD, s: SPACE };
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', '0': '\0' };
const ASTRAL = 0x10000;
const WIDEST_FOLD = 0x400;
/** They fold to letters of ASCII. */
const LONG_S_AND_KELVIN = characters('\u017f\u212a');

const isSingle = (set: Characters): boolean => set.length === 1 && set[0]![0] === set[0]![1];

/**
 * A regular expression that the whole text must match, `^` and `$` at its ends or not. Refused, by name: look-around,
 * back-references, word boundaries, Unicode properties, anchors inside. `write` writes one of a set of characters.
 */
export const parsePattern = (
  builder: Builder,
  option: string,
  source: string,
  flags: string,
  write: (set: Characters) => Fragment,
): { readonly body: Fragment; readonly fromStart: boolean; readonly toEnd: boolean } => {
  const refuse = (keyword: string, why: string) => unsupportedGrammar(option, keyword, why, `/${source}/`);
  try {
    new RegExp(source, flags);
  } catch (cause) {
    throw refuse('syntax', `it is no regular expression (${(cause as Error).message})`);
  }
  const [unicode, folds, dotAll] = ['u', 'i', 's'].map((flag) => flags.includes(flag)) as [
    boolean,
    boolean,
    boolean,
  ];
  if (/[vm]/.test(flags)) throw refuse('flags', `the flag ${/[vm]/.exec(flags)![0]} is not known here`);
  // Without the flag u a character beyond U+FFFF counts as two, so only literal ones are written.
  const all = unicode ? EVERY : minus(EVERY, [[ASTRAL, 0x10ffff]]);

  /** With the other cases of its characters; those alone that the expression itself takes for equal. */
  const fold = (set: Characters): Characters => {
    if (!folds) return set;
    const others: [number, number][] = [];
    for (const [from, to] of set) {
      if (to - from > WIDEST_FOLD)
        throw refuse('flags', 'the flag i and a class so wide are not known together');
      for (let code = from; code <= to; code++) {
        const one = String.fromCodePoint(code);
        const isSame = new RegExp(`^\\u{${code.toString(16)}}$`, 'iu');
        for (const other of [one.toLowerCase(), one.toUpperCase()]) {
          const point = other.codePointAt(0)!;
          if (isSame.test(other) && (unicode || code < 0x80 === point < 0x80)) others.push([point, point]);
        }
      }
    }
    return union(set, others);
  };
  let at = 0;
  const peek = (): string => source[at] ?? '';
  const take = (text: string): boolean => {
    if (!source.startsWith(text, at)) return false;
    at += text.length;
    return true;
  };
  const next = (): string => {
    const one = String.fromCodePoint(source.codePointAt(at)!);
    at += one.length;
    return one;
  };
  const found = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = at;
    const match = expression.exec(source);
    if (match) at += match[0].length;
    return match;
  };

  /** What stands behind a backslash. */
  const escaped = (inClass: boolean): Characters => {
    const code = found(/u\{([0-9a-f]+)\}|u([0-9a-f]{4})|x([0-9a-f]{2})/iy);
    if (code && (unicode || code[1] === undefined)) {
      const point = Number.parseInt((code[1] ?? code[2] ?? code[3])!, 16);
      return [[point, point]];
    }
    if (code) at -= code[0].length;
    const one = next();
    const shorthand = SHORTHANDS[one.toLowerCase()];
    if (shorthand) return one === one.toLowerCase() ? shorthand : complement(shorthand);
    if (one === 'b' && inClass) return characters('\b');
    if (one === 'b' || one === 'B') throw refuse(`\\${one}`, 'word boundaries are not known here');
    if ((one === 'p' || one === 'P') && unicode)
      throw refuse(`\\${one}`, 'properties of Unicode are not known here');
    if (/[1-9]/.test(one) || (one === '0' && /\d/.test(peek())) || one === 'k')
      throw refuse(`\\${one}`, 'back-references are not known here');
    if (one === 'c') {
      const code = next().charCodeAt(0) & 31;
      return [[code, code]];
    }
    return characters(ESCAPES[one] ?? one);
  };

  const readClass = (): Characters => {
    const isNegated = take('^');
    const parts: Characters[] = [];
    while (!take(']')) {
      const one = take('\\') ? escaped(true) : characters(next());
      if (isSingle(one) && peek() === '-' && source[at + 1] !== ']') {
        at += 1;
        const last = take('\\') ? escaped(true) : characters(next());
        if (isSingle(last)) parts.push(fold([[one[0]![0], last[0]![0]]]));
        else parts.push(fold(one), characters('-'), last);
      } else parts.push(isSingle(one) ? fold(one) : one);
    }
    const set = union(...parts);
    if (!isNegated) return set;
    if (folds && set.some(([, to]) => to > 0x7f))
      throw refuse('flags', 'the flag i and a negated class beyond ASCII are not known together');
    return complement(folds ? union(set, LONG_S_AND_KELVIN) : set);
  };

  const readAtom = (): Fragment => {
    if (take('(')) {
      if (take('?')) {
        if (!take(':') && !found(/<[^=!>][^>]*>/y))
          throw refuse(`(?${source.slice(at, at + 2)}`, 'only plain groups are known here');
      }
      const group = readChoice(false);
      at += 1;
      return group;
    }
    if (take('[')) return write(within(readClass()));
    if (take('.')) return write(dotAll ? all : minus(all, BREAKS));
    if (take('\\')) {
      const one = escaped(false);
      return write(within(isSingle(one) ? fold(one) : one));
    }
    if (peek() === '^' || peek() === '$') throw refuse(peek(), 'an anchor may stand only at the ends');
    const one = next();
    if (!unicode && one.length === 2 && /[*+?{]/.test(peek()))
      throw refuse('flags', `${one} counts as two characters without the flag u`);
    return write(fold(characters(one)));
  };
  const within = (set: Characters): Characters => minus(set, complement(all));

  const readSequence = (): Fragment => {
    const parts: Fragment[] = [];
    while (peek() !== '' && peek() !== '|' && peek() !== ')') {
      if (at === last && peek() === '$') break;
      const atom = readAtom();
      const count = found(/\*|\+|\?|\{(\d+)(,?)(\d*)\}/y);
      if (!count) {
        parts.push(atom);
        continue;
      }
      take('?');
      const [sign, least, comma, most] = count;
      const upTo = most ? Number(most) : comma ? Number.POSITIVE_INFINITY : Number(least);
      if (sign === '*') parts.push(builder.repeat(atom, 0, Number.POSITIVE_INFINITY));
      else if (sign === '+') parts.push(builder.repeat(atom, 1, Number.POSITIVE_INFINITY));
      else parts.push(sign === '?' ? builder.optional(atom) : builder.repeat(atom, Number(least), upTo));
    }
    return builder.sequence(...parts);
  };
  const readChoice = (isOuter: boolean): Fragment => {
    const parts = [readSequence()];
    while (take('|')) {
      if (isOuter && (fromStart || toEnd))
        throw refuse('|', 'anchors hold for one alternative only; use a group');
      parts.push(readSequence());
    }
    return builder.choice(...parts);
  };

  const fromStart = take('^');
  const toEnd = /(?:^|[^\\])(?:\\\\)*\$$/.test(source);
  const last = toEnd ? source.length - 1 : source.length;
  return { body: readChoice(true), fromStart, toEnd };
};
