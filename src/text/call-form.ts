/** How a model writes calls: JSON objects of a name and arguments, in a list or each by itself, between marks. */
export interface CallStyle {
  /** Stands in front of a call, or of the list; empty where nothing does, and the object begins the answer. */
  readonly open: string;
  /** Stands behind it; empty where nothing does. */
  readonly close: string;
  readonly list: boolean;
  /** What the arguments are called. */
  readonly key: 'arguments' | 'parameters';
}

/** The text around the names and arguments of calls in an earlier turn. */
export interface CallForm {
  readonly style: CallStyle;
  readonly lead: string;
  readonly between: string;
  /** From the arguments of one to the name of the next; undefined where there may be one only. */
  readonly joint: string | undefined;
  readonly tail: string;
}

/** Hermes 2 and 3, Qwen 2.5 and 3, SmolLM3; also where a template knows of no calls, since most models have seen it. */
const TAGGED: CallStyle = {
  open: '<tool_call>',
  close: '</tool_call>',
  list: false,
  key: 'arguments',
};
/** Mistral 7B v0.3, Nemo; Phi-4-mini. */
const LISTED: readonly CallStyle[] = [
  { open: '[TOOL_CALLS]', close: '', list: true, key: 'arguments' },
  { open: '<|tool_call|>', close: '<|/tool_call|>', list: true, key: 'arguments' },
];
/** Llama 3.1 to 3.3. */
const BARE: CallStyle = { open: '', close: '', list: false, key: 'parameters' };

/** Styles with marks, the most particular first. */
const MARKED: readonly CallStyle[] = [...LISTED, TAGGED];

/** The style that a template speaks of without showing it. */
export const spokenStyle = (template: string): CallStyle =>
  MARKED.find(({ open }) => template.includes(open)) ?? (template.includes('<|tool|>') ? LISTED[1]! : TAGGED);

/** Marks around calls; at most seven. */
export const CALL_MARKS: readonly string[] = MARKED.flatMap(({ open, close }) => [open, close]).filter(
  (name) => name !== '',
);

/** Names of tokens that stand around tools, calls and results: a text that spells one is text. */
export const TOOL_MARKS: readonly string[] = [
  ...CALL_MARKS,
  ...['<|python_tag|>', '<tool_response>', '</tool_response>', '<tools>', '</tools>'],
  ...['<|tool|>', '<|/tool|>', '<|tool_response|>', '[AVAILABLE_TOOLS]', '[/AVAILABLE_TOOLS]'],
  ...['[TOOL_RESULTS]', '[/TOOL_RESULTS]'],
];

/** Calls as they are written where a template does not say. */
export const plainForm = (style: CallStyle): CallForm => {
  const { open, close, list, key } = style;
  const line = open === '' || list ? '' : '\n';
  const first = '{"name": "';
  const [lead, tail] = list
    ? [`${open}[${first}`, `}]${close}`]
    : [`${open}${line}${first}`, `}${line}${close}`];
  const joint = list ? `}, ${first}` : open === '' ? undefined : `${tail}\n${lead}`;
  return { style, lead, between: `", "${key}": `, joint, tail };
};

const CLOSING = /^(?:\s*,\s*"id"\s*:\s*"[^"]*")?\s*\}?\s*\]?/;

/**
 * The form of calls by what a template writes: in front of a first name, between name and arguments, from there to a second
 * name (undefined where it refuses two), and behind the last arguments. `rest` is what is left of that.
 * Undefined where it is none that is known.
 */
export const readForm = (
  lead: string,
  between: string,
  joint: string | undefined,
  behind: string,
): { readonly form: CallForm; readonly rest: string } | undefined => {
  const key = /^"\s*,\s*"(arguments|parameters)"\s*:\s*$/.exec(between)?.[1] as CallStyle['key'] | undefined;
  const begun = lead.trimStart();
  const known = MARKED.find(({ open }) => begun.startsWith(open));
  const body = begun.slice(known?.open.length ?? 0).trimStart();
  if (key === undefined || !/^\[?\s*\{\s*"name"\s*:\s*"$/.test(body)) return undefined;
  const style: CallStyle = { ...(known ?? BARE), list: body.startsWith('['), key };
  const closing = CLOSING.exec(behind)![0];
  const after = behind.slice(closing.length);
  const blank = style.close === '' ? 0 : after.length - after.trimStart().length;
  const isClosed = after.startsWith(style.close, blank);
  const tail = closing + (isClosed ? after.slice(0, blank + style.close.length) : '');
  const form = { style, lead: begun, between, joint: style.open === '' ? undefined : joint, tail };
  return { form, rest: behind.slice(tail.length) };
};
