import type { CallStyle } from '../text/call-form.js';
import type { Tool, ToolCall } from '../text/tool.js';
import { pythonCalls, xmlCalls } from './call-texts.js';
import { heldBack } from './reasoning.js';

/** A stretch of an answer: text, or with `call` a piece of that call's arguments (the first one is empty). */
export interface Spoken {
  readonly text: string;
  readonly call?: CallHead;
}

/** Which call of an answer, counted from 0, and of what. */
export interface CallHead {
  readonly index: number;
  readonly name: string;
}

/** Parts an answer into text and calls; text that may turn into a mark is held back. */
export interface CallFilter {
  push(text: string): Spoken[];
  /** What was held back, at the end. */
  end(): Spoken[];
  /** Calls that are whole. */
  readonly calls: readonly ToolCall[];
}

/** What stands around calls in the text that is pushed: the names of the marks, or what is shown for their tokens. */
export interface ShownMarks {
  readonly open: string;
  readonly close: string;
  readonly list: boolean;
  readonly written: CallStyle['written'];
  readonly tools: readonly Tool[];
}

/** A name, an id where there is one, and the mark in front of the arguments. */
const MARKED_HEAD = /^\s*([\w.-]+)(?:\[CALL_ID\][\w-]*)?\[ARGS\]\s*(?=\{)/;
/** The beginning of a list of calls, and what may become one. */
const PYTHON_HEAD = /^\[\s*[\w.-]+\(/;
const PYTHON_BEGUN = /^\[\s*[\w.-]*$/;
const HEAD =
  /^[\s[,]*\{\s*(?:"type"\s*:\s*"function"\s*,\s*)?"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Calls whose members stand in another order, or whose arguments are a string. */
const looseCalls = (body: string): ToolCall[] | undefined => {
  const found = [parsed(body)].flat();
  const calls = found.map((one) => {
    if (!isRecord(one) || typeof one.name !== 'string') return undefined;
    const given = one.arguments ?? one.parameters ?? {};
    const read = typeof given === 'string' ? parsed(given) : given;
    return isRecord(read) ? { name: one.name, arguments: read } : undefined;
  });
  return calls.every((call) => call !== undefined) ? calls : undefined;
};

/** How far the JSON object at the beginning of what is pushed goes. */
const createObjectEnd = (): ((text: string) => number | undefined) => {
  let depth = 0;
  let inString = false;
  let escaped = false;
  return (text) => {
    for (let i = 0; i < text.length; i++) {
      const one = text[i]!;
      if (inString) {
        if (escaped) escaped = false;
        else if (one === '\\') escaped = true;
        else if (one === '"') inString = false;
      } else if (one === '"') inString = true;
      else if (one === '{' || one === '[') depth += 1;
      else if ((one === '}' || one === ']') && --depth === 0) return i + 1;
    }
    return undefined;
  };
};

/**
 * Calls are JSON objects of a name and arguments behind `open`; where that is empty, an answer that begins with `{` is one. In
 * other styles than JSON they are told when they are whole, but for `marked`, whose arguments are JSON.
 * What looks like a call and is none is text.
 */
export const createCallFilter = ({ open, close, list, written, tools }: ShownMarks): CallFilter => {
  const calls: ToolCall[] = [];
  let stage: 'text' | 'head' | 'arguments' | 'behind' | 'whole' = 'text';
  let held = '';
  let index = 0;
  let head: CallHead | undefined;
  let given = '';
  let end = createObjectEnd();
  /** Something was said that is no white space. */
  let begun = false;

  const said = (text: string): Spoken[] => {
    const shown = index > 0 && !begun ? text.trimStart() : text;
    if (shown === '') return [];
    begun = true;
    return [{ text: shown }];
  };
  const whole = (made: readonly ToolCall[]): Spoken[] =>
    made.flatMap((call) => {
      calls.push(call);
      const one = { index: index++, name: call.name };
      return [
        { text: '', call: one },
        { text: JSON.stringify(call.arguments), call: one },
      ];
    });

  const takeText = (): Spoken[] => {
    if (open === '') {
      const text = held.trimStart();
      if (!begun && index === 0 && written === 'python') {
        if (PYTHON_HEAD.test(text)) stage = 'whole';
        if (stage === 'whole' || PYTHON_BEGUN.test(text)) return [];
      } else if (!begun && index === 0 && text.startsWith('{')) {
        held = text;
        stage = 'head';
        return take();
      }
      if (!begun && text === '') return [];
      const all = held;
      held = '';
      return said(all);
    }
    const at = held.indexOf(open);
    if (at < 0) {
      const shown = held.slice(0, held.length - heldBack(held, open));
      held = held.slice(shown.length);
      return said(shown);
    }
    const text = held.slice(0, at).trimEnd();
    held = held.slice(at + open.length);
    stage = 'head';
    return [...said(text), ...take()];
  };
  const takeHead = (): Spoken[] => {
    const found = written === 'xml' ? null : (written === 'marked' ? MARKED_HEAD : HEAD).exec(held);
    if (found) {
      const name = written === 'marked' ? found[1]! : (JSON.parse(found[1]!) as string);
      head = { index: index++, name };
      held = held.slice(found[0].length);
      given = '';
      end = createObjectEnd();
      stage = 'arguments';
      return [{ text: '', call: head }, ...take()];
    }
    const at = close === '' ? -1 : held.indexOf(close);
    if (at < 0) return [];
    const body = held.slice(0, at);
    held = held.slice(at + close.length);
    stage = 'text';
    const loose = written === 'xml' ? xmlCalls(body, tools) : looseCalls(body);
    return [...(loose ? whole(loose) : said(body)), ...take()];
  };
  const takeArguments = (): Spoken[] => {
    const at = end(held) ?? held.length;
    const piece = held.slice(0, at);
    given += piece;
    held = held.slice(at);
    const call = head!;
    // An object ends with its bracket, so nothing is left of one that has not.
    const value = piece.endsWith('}') ? parsed(given) : undefined;
    if (isRecord(value)) {
      calls.push({ name: call.name, arguments: value });
      stage = 'behind';
    }
    return [...(piece === '' ? [] : [{ text: piece, call }]), ...(stage === 'behind' ? take() : [])];
  };
  const takeBehind = (): Spoken[] => {
    const next = list ? /[{\]]/.exec(held)?.index : undefined;
    if (next !== undefined && held[next] === '{') {
      held = held.slice(next);
      stage = 'head';
      return take();
    }
    if (open === '') {
      held = '';
      return [];
    }
    if (written === 'marked') {
      stage = 'text';
      begun = false;
      return take();
    }
    const mark = close === '' ? ']' : close;
    const at = held.indexOf(mark);
    if (at < 0) return [];
    held = held.slice(at + mark.length);
    stage = 'text';
    begun = false;
    return take();
  };
  const take = (): Spoken[] => {
    if (held === '') return [];
    if (stage === 'text') return takeText();
    if (stage === 'head') return takeHead();
    if (stage === 'whole') return [];
    return stage === 'arguments' ? takeArguments() : takeBehind();
  };

  return {
    push(text) {
      held += text;
      return take();
    },
    end() {
      const rest = held;
      held = '';
      if (stage === 'text') return said(rest);
      const read =
        written === 'python'
          ? pythonCalls
          : written === 'xml'
            ? (text: string) => xmlCalls(text, tools)
            : looseCalls;
      const loose = (stage === 'head' || stage === 'whole') && read(rest);
      if (loose) return whole(loose);
      return stage === 'head' || stage === 'whole' ? said(rest) : [];
    },
    calls,
  };
};
