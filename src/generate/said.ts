import { LonghandError } from '../errors.js';
import type { TemplatePiece } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ToldCalls, Tool, ToolCall, ToolResult } from '../text/tool.js';
import type { Turn } from './turn-encoder.js';

/** A message of a conversation: a text of the user's or a question, results of tools, or an answer. */
export interface Message {
  readonly role: 'user' | 'assistant' | 'tool';
  readonly text: string;
  /** Calls that an answer made. */
  readonly calls?: readonly ToolCall[];
  /** Results that tools gave, in the order of the calls; there is no text then. */
  readonly results?: readonly ToolResult[];
}

/** A question, and its answer where it has one. */
export interface Exchange {
  readonly question: string;
  readonly answer?: string;
}

/** An appended text: tokens [start, end) of the context, what led up to it in the template included. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  /** Where the conversation stood before it. */
  readonly turn: Turn;
}

/** Where a conversation stood: after so many tokens, and so many appended texts. */
export interface Place {
  readonly tokens: number;
  readonly turn: Turn;
  readonly pieces: number;
}

/** What is kept of a message. The tokens have long texts already. */
export interface Said {
  readonly role: Message['role'];
  /** Absent where it is the last `length` characters of an appended piece. */
  readonly text?: string;
  readonly length?: number;
  readonly calls?: readonly ToolCall[];
  readonly results?: readonly ToolResult[];
  /** Before it. Absent of an answer that was read in one go with its question. */
  readonly place?: Place;
}

/** Where a conversation stands, as it is stored beside its tokens. */
export interface Turns {
  readonly system: string | undefined;
  readonly turn: Turn;
  readonly pieces: readonly Piece[];
  /** What stands in front of the first content. A template may write today's date there; it stays that of the first day. */
  readonly opening?: readonly TemplatePiece[];
  /** What was said, message by message. Absent in what older versions stored. */
  readonly said?: readonly Said[];
  readonly tools?: readonly Tool[];
}

/** What is kept of an appended text: how long it is, if its tokens give it back as it was. */
export const saidByPiece = (
  text: string,
  ids: readonly number[],
  place: Place,
  tokenizer: Tokenizer,
): Said => ({
  role: 'user',
  ...(tokenizer.decode(ids).endsWith(text) ? { length: text.length } : { text }),
  place,
});

export const messageOf = (
  { role, text, length = 0, place, calls, results }: Said,
  pieces: readonly Piece[],
  tokens: readonly number[],
  tokenizer: Tokenizer,
): Message => {
  const piece = pieces[place?.pieces ?? -1];
  const said = text ?? (piece ? tokenizer.decode(tokens.slice(piece.start, piece.end)).slice(-length) : '');
  return { role, text: said, ...(calls && { calls }), ...(results && { results }) };
};

/** Where a conversation stood before its message `count`. */
export const placeBefore = (said: readonly Said[], count: number): Place => {
  const place = said[count]?.place;
  if (place) return place;
  throw new LonghandError(
    'input/option',
    `There is no way back to before message ${count}: it was read in one go with its question. Forget the question too.`,
    { option: 'messages' },
  );
};

/** What is kept of a question, asked where the conversation stood at `before`, and its answer. */
export const exchanged = (
  question: string | readonly ToolResult[],
  { text = '', calls }: ToldCalls,
  before: Place,
): Said[] => {
  const answer: Said = { role: 'assistant', text, ...(calls.length > 0 && { calls }) };
  if (question === '') return [{ ...answer, place: before }];
  if (typeof question === 'string') return [{ role: 'user', text: question, place: before }, answer];
  return [{ role: 'tool', text: '', results: question, place: before }, answer];
};
