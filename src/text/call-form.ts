/** How a model writes calls. */
export interface CallStyle {
  /** Stands in front of a call, or of the list; empty where nothing does, and the call begins the answer. */
  readonly open: string;
  /** Stands behind it; empty where nothing does. */
  readonly close: string;
  /**
   * `json`: an object of a name and arguments. `marked`: the name, a mark, and the object of the arguments. `xml`: an element
   * for the function, and in it one for each argument. `python`: as Python calls functions with named arguments.
   */
  readonly written: 'json' | 'marked' | 'xml' | 'python';
  /** All calls of an answer in one list. */
  readonly list: boolean;
  /** What the arguments are called in `json`. */
  readonly key: 'arguments' | 'parameters';
  /** In `marked`: the name is followed by an id. */
  readonly ids?: boolean;
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

const style = (written: CallStyle['written'], open: string, close: string, list: boolean): CallStyle => ({
  ...{ written, open, close, list, key: 'arguments' },
});

/** Hermes 2 and 3, Qwen 2.5 and 3, SmolLM3; also where a template knows of no calls, since most models have seen it. */
const TAGGED = style('json', '<tool_call>', '</tool_call>', false);
/** Mistral 7B v0.3, Nemo. */
const LISTED = style('json', '[TOOL_CALLS]', '', true);
/** Phi-4-mini. */
const PHI = style('json', '<|tool_call|>', '<|/tool_call|>', true);
/** Llama 3.1 to 3.3. */
const BARE: CallStyle = { ...style('json', '', '', false), key: 'parameters' };
/** Mistral Small 3.2, Devstral, Ministral 3, Magistral. */
const MARKED = style('marked', '[TOOL_CALLS]', '', false);
/** Qwen3-Coder. */
const XML = style('xml', '<tool_call>', '</tool_call>', false);
/** Llama 3.2 and 4, where they are asked for a list of calls. */
const PYTHON = style('python', '', '', true);

const KEY = /^"\s*,\s*"(arguments|parameters)"\s*:\s*$/;
/** What tells a style: the text in front of a name, behind the style's mark; between name and arguments; and behind these. */
const SHAPES: readonly {
  readonly styles: readonly CallStyle[];
  readonly body: RegExp;
  readonly between: RegExp;
  readonly closing: RegExp;
}[] = [
  {
    styles: [LISTED, PHI, TAGGED, BARE],
    body: /^\[?\s*\{\s*"name"\s*:\s*"$/,
    between: KEY,
    closing: /^(?:\s*,\s*"id"\s*:\s*"[^"]*")?\s*\}?\s*\]?/,
  },
  { styles: [MARKED], body: /^$/, between: /^(?:\[CALL_ID\]\w+)?\[ARGS\]$/, closing: /^/ },
  { styles: [XML], body: /^<function=$/, between: /^>\s*$/, closing: /^<\/function>/ },
  { styles: [PYTHON], body: /^\[$/, between: /^\($/, closing: /^\)\]/ },
];

/** What a template says where it speaks of a style, the most particular first. */
const SIGNS: readonly (readonly [string, CallStyle])[] = [
  ['[ARGS]', MARKED],
  ['<function=', XML],
  ['[func_name1(', PYTHON],
  ['[TOOL_CALLS]', LISTED],
  ['<|tool_call|>', PHI],
  ['<tool_call>', TAGGED],
  ['<|tool|>', PHI],
];

/** The style that a template speaks of without showing it. */
export const spokenStyle = (template: string): CallStyle =>
  SIGNS.find(([sign]) => template.includes(sign))?.[1] ?? TAGGED;

/** Calls as they are written where a template does not say. */
export const plainForm = (style: CallStyle): CallForm => {
  const { open, close, list, key, written } = style;
  if (written === 'marked') return { style, lead: open, between: '[ARGS]', joint: open, tail: '' };
  if (written === 'python') return { style, lead: '[', between: '(', joint: '), ', tail: ')]' };
  if (written === 'xml') {
    const [lead, tail] = [`${open}\n<function=`, `</function>\n${close}`];
    return { style, lead, between: '>\n', joint: `${tail}\n${lead}`, tail };
  }
  const line = open === '' || list ? '' : '\n';
  const first = '{"name": "';
  const [lead, tail] = list
    ? [`${open}[${first}`, `}]${close}`]
    : [`${open}${line}${first}`, `}${line}${close}`];
  const joint = list ? `}, ${first}` : open === '' ? undefined : `${tail}\n${lead}`;
  return { style, lead, between: `", "${key}": `, joint, tail };
};

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
  const begun = lead.trimStart();
  for (const shape of SHAPES) {
    const known = shape.styles.find(({ open }) => begun.startsWith(open));
    if (known === undefined) continue;
    const body = begun.slice(known.open.length).trimStart();
    const found = shape.between.exec(between);
    if (!found || !shape.body.test(body)) continue;
    const isJson = known.written === 'json';
    const style: CallStyle = {
      ...known,
      ...(isJson && { list: body.startsWith('['), key: found[1] as CallStyle['key'] }),
      ...(between.startsWith('[CALL_ID]') && { ids: true }),
    };
    const closing = shape.closing.exec(behind)?.[0];
    if (closing === undefined) continue;
    const after = behind.slice(closing.length);
    const blank = style.close === '' ? 0 : after.length - after.trimStart().length;
    const isClosed = after.startsWith(style.close, blank);
    const tail = closing + (isClosed ? after.slice(0, blank + style.close.length) : '');
    const isOne = isJson && style.open === '';
    const form = { style, lead: begun, between, joint: isOne ? undefined : joint, tail };
    return { form, rest: behind.slice(tail.length) };
  }
  return undefined;
};
