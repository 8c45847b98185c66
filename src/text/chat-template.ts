import type { Metadata } from '../weights/gguf.js';
import { findMarks, leavesOpen, type ReasoningMarks } from './reasoning-marks.js';
import { stoppedClock } from './template-clock.js';
import { beforeContent, joinPieces, type TemplatePiece } from './template-pieces.js';
import { parseTemplate } from './template-render.js';
import {
  attempt,
  hasReason,
  inManner,
  MANNERS,
  type Manner,
  type Render,
  renderRoles,
  unusable,
  variablesOf,
} from './template-turns.js';
import type { Tokenizer } from './tokenizer.js';

export type { TemplatePiece } from './template-pieces.js';

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
  opening(system?: string | readonly TemplatePiece[]): TemplatePiece[];
  /**
   * From the end of a user turn's content to where the answer begins. Without `reasoning` (default) thoughts that the
   * template opens are closed again; with it they are opened where the template's opening asked for none.
   */
  closing(reasoning?: boolean): TemplatePiece[];
  /** Between a user turn's content and its answer's as the template shows them later; undefined where it knows one turn. */
  past(): TemplatePiece[] | undefined;
  /**
   * From the end of an answer's content to where the next user turn's content begins; it begins with the token that
   * ends a turn, so an answer's own stop token must not stand in front of it.
   * Errors: `model/template` where the template knows only one turn, or ends later turns in another way.
   */
  following(): TemplatePiece[];
  /** What the model writes around thoughts that it thinks aloud; undefined where it does not. */
  readonly marks: ReasoningMarks | undefined;
  /** For what writes tools, calls and results: they need more of a template than texts do. */
  readonly forTools: ToolSurroundings;
}

/** What tools need of the template of a conversation. */
export interface ToolSurroundings {
  readonly source: string;
  /** Renders messages with these tools. A hit limit is thrown, like everything else that goes wrong. */
  render(messages: readonly object[], tools: readonly unknown[], thinking: boolean): string;
  readonly bos: string;
  /** Whether template text names tokens. */
  names(text: string): boolean;
  /** The text that closes a turn, with thoughts opened or closed as is asked for. */
  thoughts(quiet: string, loud: string, reasoning: boolean): string;
  /** From the end of a question to where an answer without thoughts begins, as the template has it. */
  readonly quiet: string;
}

/** Where the file has no template: ChatML if the vocabulary has its tokens, else paragraphs. */
const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{{ '<|im_start|>assistant\\n' }}";
const PARAGRAPHS = "{% for m in messages %}{{ m.content + '\\n\\n' }}{% endfor %}";

/**
 * The chat template of a model file (`tokenizer.chat_template`, Jinja). It is rendered once, with unguessable words for
 * contents, and cut at them. A template that rewrites earlier turns is read as it first stood: nothing that was said is
 * changed later.
 * Errors: `model/template` for templates that fail, do too much, or whose text depends on the contents.
 */
export const loadChatTemplate = (metadata: Metadata, tokenizer: Tokenizer): ChatTemplate => {
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
    tools: null,
    documents: null,
  };

  const marks = findMarks(source, (name) => tokenizer.encodeTemplate(name).length === 1);
  const clock = stoppedClock(new Date());
  let first: unknown;
  for (const manner of MANNERS) {
    try {
      const render: Render = (roles, thinking) =>
        renderRoles(template, roles, manner, { ...variables, enable_thinking: thinking, thinking }, clock);
      const chat = cutTemplate(render, bos, marks, source.includes('thinking'));
      const given = (thinking: boolean) =>
        variablesOf(manner, { ...variables, enable_thinking: thinking, thinking }, clock);
      const { thoughts, quiet, ...texts } = chat;
      const forTools = { bos, thoughts, quiet, ...toolSurroundings(source, manner, given, tokenizer) };
      return { ...texts, forTools };
    } catch (cause) {
      first ??= cause;
      if (hasReason(cause, 'limit')) throw cause;
    }
  }
  throw first;
};

const toolSurroundings = (
  source: string,
  manner: Manner,
  given: (thinking: boolean) => Readonly<Record<string, unknown>>,
  tokenizer: Tokenizer,
): Pick<ToolSurroundings, 'source' | 'render' | 'names'> => ({
  source,
  names: (text) => tokenizer.namesToken(text),
  // Parsed anew: what a template may cost is counted for each of its parsings.
  render: (messages, tools, thinking) =>
    parseTemplate(source).render({
      ...given(thinking),
      tools,
      messages: messages.map((message) => inManner(message as { content: string }, manner)),
    }),
});

const defaultTemplate = (tokenizer: Tokenizer): string => {
  const isControl = (name: string): boolean => {
    const ids = tokenizer.encodeTemplate(name);
    return ids.length === 1 && tokenizer.decode(ids) === '';
  };
  return isControl('<|im_start|>') && isControl('<|im_end|>') ? CHATML : PARAGRAPHS;
};

/** `switches`: the template speaks of a switch for thoughts. */
const cutTemplate = (
  render: Render,
  bos: string,
  marks: ReasoningMarks | undefined,
  switches: boolean,
): Omit<ChatTemplate, 'forTools'> & Pick<ToolSurroundings, 'thoughts' | 'quiet'> => {
  const [start = '', closing = ''] = render(['user'], false);
  const system = attempt(() => render(['system', 'user'], false));
  const later = attempt(() => render(['user', 'assistant', 'user'], false));
  const aloud = switches ? attempt(() => render(['user'], true)) : [];
  const [loudStart = start, loudClosing = closing] = Array.isArray(aloud) ? aloud : [];
  const thoughts = (quiet: string, loud: string, reasoning: boolean): string => {
    const text = reasoning ? loud : quiet;
    if (!marks || reasoning === leavesOpen(marks, text)) return text;
    if (!reasoning) return `${text}\n${marks.close}\n\n`;
    // The opening stays as it is, whatever is asked later: what it says of thoughts is overruled here.
    return loudStart === start ? text : `${text}${marks.open}\n`;
  };
  // The context puts bos in front by itself.
  const withoutBos = (text: string): string =>
    bos !== '' && text.startsWith(bos) ? text.slice(bos.length) : text;

  return {
    opening(given) {
      const text = typeof given === 'string' ? [{ text: given, control: false }] : given;
      if (text === undefined) return joinPieces(beforeContent(withoutBos(start)));
      if (Array.isArray(system) && system[2] === closing) {
        return joinPieces([...beforeContent(withoutBos(system[0]!)), ...text, ...beforeContent(system[1]!)]);
      }
      const lead = text.some((piece) => piece.text !== '') ? [...text, { text: '\n\n', control: false }] : [];
      return joinPieces([...beforeContent(withoutBos(start)), ...lead]);
    },
    closing: (reasoning = false) =>
      joinPieces([{ text: thoughts(closing, loudClosing, reasoning), control: true }]),
    past: () => (Array.isArray(later) ? joinPieces(beforeContent(later[1]!)) : undefined),
    following() {
      if (!Array.isArray(later)) throw later;
      if (later[3] !== closing) throw unusable('it ends a later turn in another way than the first');
      return joinPieces(beforeContent(later[2]!));
    },
    marks,
    thoughts,
    quiet: closing,
  };
};
