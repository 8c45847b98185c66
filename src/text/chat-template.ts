import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import { formatNow } from './template-clock.js';
import { parseTemplate, type Template } from './template-render.js';
import type { Tokenizer } from './tokenizer.js';

/** A stretch of a conversation: template text, where names of control tokens count, or plain content. */
export interface TemplatePiece {
  readonly text: string;
  readonly control: boolean;
}

/**
 * The text around the contents of a conversation. Contents never pass through the template, so nothing in them becomes
 * control, and nothing in them is trimmed or rewritten.
 *
 * Neighbouring plain pieces, and a plain piece beside a content, are one text: encode them in one go. (A template that
 * ends in "[INST] " gives its last space as a plain piece, so that it joins the first word as it did in training.)
 */
export interface ChatTemplate {
  /**
   * Before the content of the first user turn. `system` undefined leaves the template's own default. Where the template
   * has no place for a system message, its text stands in front of the first user content, with an empty line between.
   */
  opening(system?: string): TemplatePiece[];
  /** From the end of a user turn's content to where the answer begins. */
  closing(): TemplatePiece[];
  /**
   * From the end of an answer's content to where the next user turn's content begins; it begins with the token that
   * ends a turn, so an answer's own stop token must not stand in front of it.
   * Errors: `model/template` where the template knows only one turn, or ends later turns in another way.
   */
  following(): TemplatePiece[];
}

export interface ChatTemplateOptions {
  /** Let a model that can reason aloud before it answers do so. Default false. */
  readonly thinking?: boolean;
}

/** Where the file has no template: ChatML if the vocabulary has its tokens, else paragraphs. */
const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{{ '<|im_start|>assistant\\n' }}";
const PARAGRAPHS = "{% for m in messages %}{{ m.content + '\\n\\n' }}{% endfor %}";

/** How a template may want to be asked, tried in this order. */
interface Manner {
  /** Contents as lists of parts, as templates of multimodal models demand. */
  readonly parts: boolean;
  /** The date of today; without it templates fall back to a fixed one, and a text's tokens stay the same tomorrow. */
  readonly clock: boolean;
}
const MANNERS: readonly Manner[] = [
  { parts: false, clock: false },
  { parts: false, clock: true },
  { parts: true, clock: false },
  { parts: true, clock: true },
];

/**
 * The chat template of a model file (`tokenizer.chat_template`, Jinja). It is rendered once, with unguessable words for
 * contents, and cut at them. A template that rewrites earlier turns is read as it first stood: nothing that was said is
 * changed later.
 * Errors: `model/template` for templates that fail, take too long, or whose text depends on the contents.
 */
export const loadChatTemplate = (
  metadata: Metadata,
  tokenizer: Tokenizer,
  { thinking = false }: ChatTemplateOptions = {},
): ChatTemplate => {
  const source = metadata.string('tokenizer.chat_template', '') || defaultTemplate(tokenizer);
  const template = parseTemplate(source);
  const texts = metadata.strings('tokenizer.ggml.tokens');
  const tokenText = (key: string): string => {
    const name = `tokenizer.ggml.${key}`;
    return metadata.has(name) ? (texts[metadata.number(name)] ?? '') : '';
  };
  const bos = tokenizer.bos === undefined ? '' : texts[tokenizer.bos]!;
  const variables = {
    bos_token: bos || tokenText('bos_token_id'),
    eos_token: tokenText('eos_token_id'),
    unk_token: tokenText('unknown_token_id'),
    pad_token: tokenText('padding_token_id'),
    add_generation_prompt: true,
    enable_thinking: thinking,
    thinking,
    tools: null,
    documents: null,
  };

  let first: unknown;
  for (const manner of MANNERS) {
    try {
      return cutTemplate((roles) => renderRoles(template, roles, manner, variables), bos);
    } catch (cause) {
      first ??= cause;
      if (hasReason(cause, 'limit')) throw cause;
    }
  }
  throw first;
};

const hasReason = (cause: unknown, reason: string): boolean =>
  cause instanceof LonghandError && cause.details.reason === reason;

const defaultTemplate = (tokenizer: Tokenizer): string => {
  const isControl = (name: string): boolean => {
    const ids = tokenizer.encodeTemplate(name);
    return ids.length === 1 && tokenizer.decode(ids) === '';
  };
  return isControl('<|im_start|>') && isControl('<|im_end|>') ? CHATML : PARAGRAPHS;
};

type Role = 'system' | 'user' | 'assistant';

/** The template's text before, between and after the contents of turns with these roles. */
type Render = (roles: readonly Role[]) => string[];

const cutTemplate = (render: Render, bos: string): ChatTemplate => {
  const [start = '', closing = ''] = render(['user']);
  const system = attempt(() => render(['system', 'user']));
  const later = attempt(() => render(['user', 'assistant', 'user']));
  // The context puts bos in front by itself.
  const withoutBos = (text: string): string =>
    bos !== '' && text.startsWith(bos) ? text.slice(bos.length) : text;

  return {
    opening(text) {
      if (text === undefined) return join(beforeContent(withoutBos(start)));
      if (Array.isArray(system) && system[2] === closing) {
        return join([
          ...beforeContent(withoutBos(system[0]!)),
          { text, control: false },
          ...beforeContent(system[1]!),
        ]);
      }
      const lead = text === '' ? '' : `${text}\n\n`;
      return join([...beforeContent(withoutBos(start)), { text: lead, control: false }]);
    },
    closing: () => join([{ text: closing, control: true }]),
    following() {
      if (!Array.isArray(later)) throw later;
      if (later[3] !== closing) throw unusable('it ends a later turn in another way than the first');
      return join(beforeContent(later[2]!));
    },
  };
};

const attempt = (render: () => string[]): string[] | LonghandError => {
  try {
    return render();
  } catch (cause) {
    if (!(cause instanceof LonghandError) || hasReason(cause, 'limit')) throw cause;
    return cause;
  }
};

/** Template text in front of a content; a single last space goes with the content. */
const beforeContent = (text: string): TemplatePiece[] =>
  /\S $/.test(text)
    ? [
        { text: text.slice(0, -1), control: true },
        { text: ' ', control: false },
      ]
    : [{ text, control: true }];

/** Without empty pieces; neighbours of one kind become one. */
const join = (pieces: readonly TemplatePiece[]): TemplatePiece[] => {
  const joined: TemplatePiece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (piece.text === '') continue;
    if (last?.control === piece.control)
      joined[joined.length - 1] = { ...last, text: last.text + piece.text };
    else joined.push(piece);
  }
  return joined;
};

const renderRoles = (
  template: Template,
  roles: readonly Role[],
  manner: Manner,
  variables: Readonly<Record<string, unknown>>,
): string[] => {
  const all = manner.clock ? { ...variables, strftime_now: formatNow } : variables;
  // Words of two lengths: a template whose own text depends on its contents shows.
  const [short, long] = [12, 20].map((length) => {
    const words = roles.map(() => unguessable(length));
    const unread = unguessable(length);
    const messages = roles.map((role, i) => {
      const text = words[i]!;
      return { role, content: manner.parts ? [{ type: 'text', text, unread }] : text };
    });
    const text = template.render({ ...all, messages });
    if (text.includes(unread)) throw unusable('it writes contents out as lists of parts');
    return cutAt(text, words, roles);
  });
  if (short!.some((text, i) => text !== long![i])) throw unusable('its text depends on what is said');
  return short!;
};

const unguessable = (bytes: number): string =>
  `x${Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;

const cutAt = (text: string, words: readonly string[], roles: readonly Role[]): string[] => {
  const parts: string[] = [];
  let rest = text;
  for (const [i, word] of words.entries()) {
    const [before, after, again] = rest.split(word);
    if (after === undefined || again !== undefined) {
      const times = text.split(word).length - 1;
      const turn = `the content of turn ${i + 1} (${roles[i]})`;
      throw unusable(
        times === 1
          ? `it moves ${turn}`
          : `it gives ${turn} ${times === 0 ? 'not at all' : `${times} times`}`,
      );
    }
    parts.push(before!);
    rest = after;
  }
  return [...parts, rest];
};

const unusable = (what: string): LonghandError =>
  new LonghandError(
    'model/template',
    `The model's chat template cannot be used: ${what}. Use another file of the model, or work with tokens.`,
    { reason: 'shape' },
  );
