import type { Tool, ToolCall } from '../text/tool.js';
import { isText, propertiesOf } from './call-schema.js';

/** Nothing that is read here is nested deeper. */
const DEEPEST = 64;
const NAME = /[A-Za-z_][\w.-]*/y;
const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const SPACE = /\s*/y;
const WORDS: Readonly<Record<string, unknown>> = {
  ...{ True: true, False: false, None: null },
  ...{ true: true, false: false, null: null },
};
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '\n': '' };
const CODES: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** What cannot be read; never seen outside. */
class Strange extends Error {}

/** Reads a text from its beginning, each sign once. */
const createPythonReader = (text: string) => {
  let at = 0;
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? '';
    at += found.length;
    return found;
  };
  const next = (sign: string): boolean => {
    match(SPACE);
    if (text[at] !== sign) return false;
    at += 1;
    return true;
  };
  const need = (sign: string): void => {
    if (!next(sign)) throw new Strange();
  };
  /** Parts with commas between, up to `close`; a comma may stand behind the last. */
  const list = <T>(close: string, part: () => T): T[] => {
    const parts: T[] = [];
    while (!next(close)) {
      if (parts.length > 0) {
        need(',');
        if (next(close)) break;
      }
      parts.push(part());
    }
    return parts;
  };
  const string = (quote: string): string => {
    let read = '';
    for (;;) {
      const one = text[at++];
      if (one === undefined) throw new Strange();
      if (one === quote) return read;
      if (one !== '\\') {
        read += one;
        continue;
      }
      const escaped = text[at++] ?? '';
      const digits = CODES[escaped];
      if (digits === undefined) {
        read += ESCAPES[escaped] ?? escaped;
        continue;
      }
      const code = text.slice(at, at + digits);
      if (code.length < digits || !/^[\da-fA-F]+$/.test(code) || Number.parseInt(code, 16) > 0x10ffff)
        throw new Strange();
      read +=
        digits === 4
          ? String.fromCharCode(Number.parseInt(code, 16))
          : String.fromCodePoint(Number.parseInt(code, 16));
      at += digits;
    }
  };
  const value = (depth: number): unknown => {
    if (depth > DEEPEST) throw new Strange();
    for (const quote of ['"', "'"]) if (next(quote)) return string(quote);
    if (next('[')) return list(']', () => value(depth + 1));
    if (next('{'))
      return Object.fromEntries(
        list('}', () => {
          const key = value(depth + 1);
          need(':');
          return [String(key), value(depth + 1)];
        }),
      );
    const number = match(NUMBER);
    if (number !== '') return Number(number);
    const word = match(NAME);
    if (!Object.hasOwn(WORDS, word)) throw new Strange();
    return WORDS[word];
  };
  const call = (): ToolCall => {
    match(SPACE);
    const name = match(NAME);
    if (name === '') throw new Strange();
    need('(');
    const given = list(')', () => {
      match(SPACE);
      const key = match(NAME);
      if (key === '') throw new Strange();
      need('=');
      return [key, value(0)] as const;
    });
    return { name, arguments: Object.fromEntries(given) };
  };
  const end = (): void => {
    match(SPACE);
    if (at < text.length) throw new Strange();
  };
  return { next, need, list, value, call, end };
};

const orNone = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (error instanceof Strange) return undefined;
    throw error;
  }
};

/** Calls in a list, as Python writes them with named arguments and plain values; undefined where it is anything else. */
export const pythonCalls = (text: string): ToolCall[] | undefined =>
  orNone(() => {
    const { need, list, call, end } = createPythonReader(text);
    need('[');
    const calls = list(']', call);
    end();
    return calls.length > 0 ? calls : undefined;
  });

const pythonValue = (text: string): unknown =>
  orNone(() => {
    const { value, end } = createPythonReader(text);
    const found = value(0);
    end();
    return { found };
  });

/** A value that was written as it is: text where its schema says so, else what JSON or Python read, else text. */
const readValue = (text: string, schema: unknown): unknown => {
  if (isText(schema)) return text;
  const read = pythonValue(text) as { readonly found: unknown } | undefined;
  return read ? read.found : text;
};

/**
 * The call in `<function=name>`, each argument in `<parameter=name>` between line breaks; undefined where it is anything else.
 * A value ends at the first end of a parameter.
 */
export const xmlCalls = (body: string, tools: readonly Tool[]): ToolCall[] | undefined => {
  const text = body.trim();
  const [open, close] = ['<function=', '</function>'];
  const named = text.indexOf('>');
  if (!text.startsWith(open) || !text.endsWith(close) || named < 0) return undefined;
  const name = text.slice(open.length, named).trim();
  const parameters = tools.find((tool) => tool.name === name)?.parameters;
  const schemas = new Map(propertiesOf(parameters)?.map((one) => [one.name, one.schema]));
  const [begin, end] = ['<parameter=', '</parameter>'];
  const last = text.length - close.length;
  const given: [string, unknown][] = [];
  let at = named + 1;
  for (;;) {
    const from = text.indexOf(begin, at);
    if (from < 0 || from >= last) break;
    const [key, to] = [text.indexOf('>', from), text.indexOf(end, from)];
    if (text.slice(at, from).trim() !== '' || key < 0 || to < key || to > last) return undefined;
    const argument = text.slice(from + begin.length, key).trim();
    const value = text
      .slice(key + 1, to)
      .replace(/^\n/, '')
      .replace(/\n$/, '');
    given.push([argument, readValue(value, schemas.get(argument))]);
    at = to + end.length;
  }
  if (name === '' || text.slice(at, last).trim() !== '') return undefined;
  return [{ name, arguments: Object.fromEntries(given) }];
};
