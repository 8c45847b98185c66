import type { Builder } from './builder.js';
import { characters, complement, oneOf, union } from './characters.js';
import type { Fragment } from './network.js';
import { unsupportedGrammar } from './refusal.js';

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
const DEEPEST = 64;

/**
 * A grammar in the notation of llama.cpp (GBNF): rules `name ::= …`, the first of them called `root` or not; strings in
 * double quotes, classes in brackets, groups, `|`, `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, comments from `#`.
 * Errors: `unsupported/constraint` with the line where it cannot be read, or the rule that is not there.
 */
export const compileNotation = (builder: Builder, source: string): Fragment => {
  let at = 0;
  let depth = 0;
  const rules = new Map<string, Fragment>();
  const used = new Map<string, number>();
  const wrong = (why: string, where = at) =>
    unsupportedGrammar('grammar', 'syntax', why, `line ${source.slice(0, where).split('\n').length}`);
  const found = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = at;
    const match = expression.exec(source);
    if (match) at += match[0].length;
    return match;
  };
  const skip = (): void => void found(/(?:\s|#[^\n]*)*/y);

  /** One character of a string or class. */
  const character = (end: string): string => {
    const code = found(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8}))/y);
    const hex = code?.[1] ?? code?.[2] ?? code?.[3];
    if (hex !== undefined) {
      const point = Number.parseInt(hex, 16);
      if (point > 0x10ffff) throw wrong(`${code![0]} is no character`);
      return String.fromCodePoint(point);
    }
    const escaped = found(/\\([\s\S])/y)?.[1];
    if (escaped !== undefined) return ESCAPES[escaped] ?? escaped;
    const point = source.codePointAt(at);
    if (point === undefined || source[at] === '\n') throw wrong(`${end} is missing`);
    const one = String.fromCodePoint(point);
    at += one.length;
    return one;
  };
  const readString = (): Fragment => {
    let text = '';
    while (!found(/"/y)) text += character('"');
    return builder.text(text);
  };
  const readClass = (): Fragment => {
    const isNegated = found(/\^/y) !== null;
    const ranges: [number, number][] = [];
    while (!found(/\]/y)) {
      const from = character(']').codePointAt(0)!;
      const to = found(/-(?!\])/y) ? character(']').codePointAt(0)! : from;
      if (to < from) throw wrong('a range of characters runs backwards');
      ranges.push([from, to]);
    }
    const set = union(ranges);
    return oneOf(builder, isNegated ? complement(set) : set);
  };
  const readPart = (): Fragment | undefined => {
    if (found(/"/y)) return readString();
    if (found(/\[/y)) return readClass();
    if (found(/\./y)) return oneOf(builder, complement(characters('\n')));
    if (found(/\(/y)) {
      if (++depth > DEEPEST) throw wrong(`groups are nested deeper than ${DEEPEST}`);
      const group = readChoice();
      depth -= 1;
      if (!found(/\)/y)) throw wrong(') is missing');
      return group;
    }
    const where = at;
    const name = found(/[a-zA-Z][\w-]*(?!\s*::=)/y)?.[0];
    if (name === undefined) return undefined;
    // What the expression gave back is the beginning of another rule's name.
    if (/[\w-]/.test(source[at] ?? '')) {
      at = where;
      return undefined;
    }
    if (!used.has(name)) used.set(name, where);
    return builder.rule(name, () => rules.get(name)!);
  };
  const readChoice = (): Fragment => {
    const parts: Fragment[] = [];
    do {
      const sequence: Fragment[] = [];
      skip();
      for (let part = readPart(); part; part = readPart()) {
        const count = found(/[*+?]|\{(\d+)(,?)(\d*)\}/y);
        const [sign = '', least = '', comma = '', most = ''] = count ?? [];
        const bounds: Readonly<Record<string, readonly [number, number]>> = {
          '*': [0, Number.POSITIVE_INFINITY],
          '+': [1, Number.POSITIVE_INFINITY],
          '?': [0, 1],
        };
        const upTo = most !== '' ? Number(most) : comma ? Number.POSITIVE_INFINITY : Number(least);
        const [from, to] = bounds[sign] ?? [Number(least), upTo];
        sequence.push(count ? builder.repeat(part, from, to) : part);
        skip();
      }
      parts.push(builder.sequence(...sequence));
    } while (found(/\|/y));
    return builder.choice(...parts);
  };

  skip();
  let first: string | undefined;
  while (at < source.length) {
    const name = found(/([a-zA-Z][\w-]*)\s*::=/y)?.[1];
    if (name === undefined) throw wrong('here a rule must begin: name ::= …');
    if (rules.has(name)) throw wrong(`there are two rules called ${name}`);
    rules.set(name, readChoice());
    first ??= name;
    skip();
  }
  const root = rules.has('root') ? 'root' : first;
  if (root === undefined) throw wrong('there is no rule in it');
  for (const [name, where] of used) {
    if (!rules.has(name)) throw wrong(`there is no rule called ${name}`, where);
  }
  return builder.rule(root, () => rules.get(root)!);
};
