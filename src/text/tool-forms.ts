import { type CallForm, plainForm, readForm, spokenStyle } from './call-form.js';
import type { Role } from './template-turns.js';

/** The text around results of tools, and from there on. */
export interface ResultForm {
  /** From the end of the calls to the first result. */
  readonly lead: string;
  /** Between two results. */
  readonly joint: string;
  /** From the last result to the answer, as `thinking` has it, and to an answer that was given earlier. */
  end(thinking: boolean): string;
  readonly past: string;
}

/** How a template writes calls and their results; it knows no turn of results where these are undefined. */
export interface ToolForms {
  readonly calls: CallForm;
  readonly results: ResultForm | undefined;
}

/** A message as templates know it. */
export interface ToolMessage {
  readonly role: Role | 'tool';
  readonly content: string;
  readonly [other: string]: unknown;
}

/** The template's text for messages and a tool; throws where it refuses them. */
export type RenderMessages = (messages: readonly ToolMessage[], thinking: boolean) => string;

/** Nine letters and digits, as Mistral's templates demand. */
export const callId = (index: number): string => `call${String(index + 1).padStart(5, '0')}`;

/** Text that was made with the first two ids, for the ids from `index` on. */
export const withIds = (text: string, index: number): string =>
  text.replace(/call0000([12])/g, (_, nth: string) => callId(index + Number(nth) - 1));

/** A text at words that are each there once, in this order. */
const cutAt = (text: string, words: readonly string[]): string[] | undefined => {
  const parts: string[] = [];
  let rest = text;
  for (const word of words) {
    const [before, after, again] = rest.split(word);
    if (after === undefined || again !== undefined) return undefined;
    parts.push(before!);
    rest = after;
  }
  return [...parts, rest];
};

/** Arguments of one text, which is called what it says, in all styles. */
const argumentsOf = (key: string): RegExp =>
  new RegExp(
    [
      `\\{\\s*"${key}"\\s*:\\s*"${key}"\\s*\\}`,
      `<parameter=${key}>\\s*${key}\\s*</parameter>\\n?`,
      `${key}=(["']?)${key}\\1`,
    ].join('|'),
  );

/** `word` makes an unguessable word; `leads` are texts from the end of a question to where an answer begins. */
export const readToolForms = (
  render: RenderMessages,
  leads: readonly string[],
  source: string,
  word: () => string,
): ToolForms => {
  const [question, said, told, later] = [word(), word(), word(), word()];
  const names = [word(), word()];
  const keys = [word(), word()];
  const results = [word(), word()];
  const parts = (messages: readonly ToolMessage[], words: readonly string[], thinking = false) => {
    try {
      const text = render([{ role: 'user', content: question }, ...messages], thinking);
      const folded = keys.reduce((all, key) => all.replace(argumentsOf(key), key), text);
      return cutAt(folded, [question, ...words]);
    } catch {
      // What is refused is not known.
      return undefined;
    }
  };
  const calling = (count: number): ToolMessage => ({
    role: 'assistant',
    content: '',
    tool_calls: names.slice(0, count).map((name, i) => ({
      id: callId(i),
      type: 'function',
      function: { name, arguments: { [keys[i]!]: keys[i] } },
    })),
  });
  const result = (index: number): ToolMessage => ({
    role: 'tool',
    name: 'f',
    tool_call_id: callId(index),
    content: results[index]!,
  });
  /** Of results behind a turn that is written with these words; `lead` where it is known, else all that stands between. */
  const resultsBehind = (
    turn: (count: number) => ToolMessage,
    words: (count: number) => readonly string[],
    lead?: string,
  ): ResultForm | undefined => {
    const once = [turn(1), result(0)];
    const one = parts(once, [...words(1), results[0]!]);
    const between = lead ?? one?.at(-2);
    if (!one || !between) return undefined;
    const loud = parts(once, [...words(1), results[0]!], true);
    const two = parts([turn(2), result(0), result(1)], [...words(2), ...results]);
    const answered = [
      ...once,
      { role: 'assistant', content: told },
      { role: 'user', content: later },
    ] as const;
    const past = parts(answered, [...words(1), results[0]!, told, later]);
    const end = one.at(-1)!;
    return {
      lead: between,
      joint: two?.at(-2) ?? '\n',
      end: (thinking) => (thinking && loud?.at(-1)) || end,
      past: past?.at(-3) ?? end,
    };
  };

  const callWords = (count: number): string[] => names.slice(0, count).flatMap((name, i) => [name, keys[i]!]);
  const called = parts([calling(1), result(0)], [...callWords(1), results[0]!]);
  const twice = parts([calling(2), result(0), result(1)], [...callWords(2), ...results]);
  const [, before = '', between = '', behind = ''] = called ?? [];
  const lead = leads.find((text) => before.startsWith(text));
  const read =
    lead === undefined ? undefined : readForm(before.slice(lead.length), between, twice?.[3], behind);
  if (read) return { calls: read.form, results: resultsBehind(calling, callWords, read.rest) };
  const saying = (): ToolMessage => ({ role: 'assistant', content: said });
  return { calls: plainForm(spokenStyle(source)), results: resultsBehind(saying, () => [said]) };
};
