import type { LonghandError } from '../errors.js';
import type { Turns } from '../generate/conversation.js';
import { checkTools } from '../generate/opening.js';
import type { Place, Said } from '../generate/said.js';
import type { Span } from '../generate/spans.js';
import { corruptSession, type Manifest } from '../kv/manifest.js';
import type { Tool, ToolCall, ToolResult } from '../text/tool.js';

/** What a session keeps beside its tokens. */
export interface SessionNotes {
  readonly spans: readonly Span[];
  readonly turns: Turns;
}

const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isText = (value: unknown): boolean => typeof value === 'string';
const isTurn = (value: unknown): boolean => ['start', 'user', 'answered'].includes(value as string);
const listOf = (value: unknown, is: (one: never) => boolean): boolean =>
  Array.isArray(value) && value.every((one) => one !== null && typeof one === 'object' && is(one as never));

/** Throws where nobody is there to judge them. */
const areTools = async (tools: readonly Tool[] | undefined): Promise<boolean> => {
  try {
    await checkTools(tools);
    return true;
  } catch (error) {
    if ((error as Partial<LonghandError>).code === 'unsupported/constraint') throw error;
    return false;
  }
};

/** Ascending, of at least one token each, and to the end of the tokens. */
const areSpans = (spans: unknown, tokens: number): boolean =>
  listOf(spans, (span: Span) => Number.isSafeInteger(span.end) && isFlag(span.exact)) &&
  (spans as Span[]).every(({ end }, n, all) => end > (all[n - 1]?.end ?? 0)) &&
  ((spans as Span[]).at(-1)?.end ?? 0) === tokens;

const isCount = (value: unknown, most: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
const isPlace = (place: Place | null, tokens: number, pieces: number): boolean =>
  isCount(place?.tokens, tokens) && isCount(place?.pieces, pieces) && isTurn(place?.turn);
/** In the order in which they were said. */
const areSaid = (said: unknown, tokens: number, pieces: number): boolean =>
  listOf(
    said,
    ({ role, text, length, place, calls, results }: Said) =>
      ['user', 'assistant', 'tool'].includes(role) &&
      (calls === undefined || listOf(calls, ({ name }: ToolCall) => isText(name))) &&
      (results === undefined || listOf(results, ({ content }: ToolResult) => isText(content))) &&
      (text === undefined ? isCount(length, Number.MAX_SAFE_INTEGER) : isText(text)) &&
      (place === undefined || isPlace(place, tokens, pieces)),
  );

const areTurns = (turns: Turns | null | undefined, tokens: number): boolean =>
  isTurn(turns?.turn) &&
  (turns?.system === undefined || isText(turns.system)) &&
  (turns?.opening === undefined ||
    listOf(
      turns.opening,
      (piece: { text: unknown; control: unknown }) => isText(piece.text) && isFlag(piece.control),
    )) &&
  (turns?.said === undefined || areSaid(turns.said, tokens, turns.pieces?.length)) &&
  listOf(turns?.pieces, ({ start, end, turn }: { start: number; end: number; turn: unknown }) => {
    const isRange = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start < end;
    return isRange && end <= tokens && isTurn(turn);
  });

/**
 * The notes of a manifest from anywhere. Errors: `storage/corrupt` where they are not ours or do not fit its tokens;
 * `unsupported/constraint` where they speak of tools and what knows of them cannot be fetched.
 */
export const notesOf = async ({ id, notes, tokens }: Manifest): Promise<SessionNotes> => {
  const found = notes as SessionNotes | null | undefined;
  const fits = areSpans(found?.spans, tokens.length) && areTurns(found?.turns, tokens.length);
  if (fits && (await areTools(found?.turns.tools))) return found!;
  throw corruptSession(id, 'what is noted of its turns makes no sense');
};
