import type { Builder } from './builder.js';
import type { Fragment } from './network.js';

/** Characters as ascending disjoint ranges of code points, both ends included. */
export type Characters = readonly (readonly [number, number])[];

const LAST = 0x10ffff;
const SURROGATES = [0xd800, 0xdfff] as const;

export const union = (...sets: readonly Characters[]): Characters => {
  const sorted = sets.flat().sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = joined.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
};

export const complement = (set: Characters): Characters => {
  const rest: [number, number][] = [];
  let from = 0;
  for (const [first, last] of union(set)) {
    if (first > from) rest.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= LAST) rest.push([from, LAST]);
  return rest;
};

export const minus = (set: Characters, other: Characters): Characters =>
  complement(union(complement(set), other));

export const characters = (text: string): Characters =>
  union(Array.from(text, (one) => [one.codePointAt(0)!, one.codePointAt(0)!] as const));

/** All that UTF-8 can write. */
export const EVERY: Characters = complement([SURROGATES]);

/** Where the length of UTF-8 changes. */
const LENGTHS = [
  [0x00, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xffff],
  [0x10000, LAST],
] as const;
/** The bits that mark the first byte of each length. */
const LEADS = [0, 0xc0, 0xe0, 0xf0] as const;

/** One character of a set, as its UTF-8. */
export const oneOf = (builder: Builder, set: Characters): Fragment => {
  const { bytes, sequence, choice } = builder;
  /** Bytes of code points [from, to] with `more` bytes to follow the first, whose upper bits are `lead`. */
  const between = (from: number, to: number, more: number, lead: number): Fragment[] => {
    if (more === 0) return [bytes([lead | from, lead | to])];
    const unit = 1 << (6 * more);
    const [low, high] = [Math.floor(from / unit), Math.floor(to / unit)];
    const [first, last] = [from % unit, to % unit];
    const tail = (a: number, b: number): Fragment => choice(...between(a, b, more - 1, 0x80));
    if (low === high) return [sequence(bytes([lead | low, lead | low]), tail(first, last))];
    const parts: Fragment[] = [];
    const isWhole = [first === 0, last === unit - 1];
    const middle = [isWhole[0] ? low : low + 1, isWhole[1] ? high : high - 1] as const;
    if (!isWhole[0]) parts.push(sequence(bytes([lead | low, lead | low]), tail(first, unit - 1)));
    if (middle[0] <= middle[1])
      parts.push(sequence(bytes([lead | middle[0], lead | middle[1]]), tail(0, unit - 1)));
    if (!isWhole[1]) parts.push(sequence(bytes([lead | high, lead | high]), tail(0, last)));
    return parts;
  };
  const written = minus(set, [SURROGATES]);
  const parts = LENGTHS.flatMap(([first, last], more) => {
    const ranges = written
      .map(([from, to]) => [Math.max(from, first), Math.min(to, last)] as const)
      .filter(([from, to]) => from <= to);
    // One step for all of ASCII: it is where most tokens begin.
    if (more === 0) return ranges.length > 0 ? [bytes(...ranges)] : [];
    return ranges.flatMap(([from, to]) => between(from, to, more, LEADS[more]!));
  });
  return choice(...parts);
};
