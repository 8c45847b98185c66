import type { Message } from '../../index.js';
import { notSupported } from './exceptions.js';
import type { PromptContent } from './protocol.js';

/** A prompt as it was meant. */
export interface ReadPrompt {
  /** Text of a system message at its beginning. */
  readonly system: string | undefined;
  readonly messages: readonly Message[];
  /** What the answer is to begin with. */
  readonly prefix: string;
}

const ROLES = ['system', 'user', 'assistant'];
/** Of the draft; only text is read here. */
export const CONTENT_TYPES = ['text', 'image', 'audio', 'tool-call', 'tool-response'];

const isList = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

const textOf = (content: unknown): string => {
  if (!isList(content)) return String(content);
  return [...(content as Iterable<PromptContent>)]
    .map((part) => {
      const { type, value } = part ?? {};
      if (!CONTENT_TYPES.includes(type))
        throw new TypeError(`A content of the type '${String(type)}' is not known. Use 'text'.`);
      if (type !== 'text')
        throw notSupported(`This model reads text only, no contents of the type '${type}'.`);
      if (typeof value !== 'string')
        throw new TypeError("The value of a content of the type 'text' must be text.");
      return value;
    })
    .join('');
};

/**
 * What a prompt says, as the draft's bindings read it: what is neither a list nor text is turned into text, and nothing at
 * all is a message without text. `hasInput`: something was said before, so that no system text may come.
 * Errors: `TypeError` for roles and contents that are not known and system text that comes late, `NotSupportedError` for
 * what is not text, `SyntaxError` for a prefix that is none.
 */
export const readPrompt = (input: unknown, hasInput: boolean): ReadPrompt => {
  if (!isList(input))
    return { system: undefined, messages: [{ role: 'user', text: String(input) }], prefix: '' };
  const list = [...input] as { role: string; content: unknown; prefix?: boolean }[];
  if (list.length === 0) return readPrompt('', hasInput);
  let system: string | undefined;
  let prefix = '';
  const messages: Message[] = [];
  for (const [i, message] of list.entries()) {
    const role = message?.role;
    if (!ROLES.includes(role)) throw new TypeError(`A message of the role '${String(role)}' is not known.`);
    if (!('content' in message)) throw new TypeError('A message must have a content.');
    if (message.prefix && (role !== 'assistant' || i < list.length - 1))
      throw new DOMException('Only a last message of the assistant can be a prefix.', 'SyntaxError');
    if (role === 'system' && (hasInput || i > 0))
      throw new TypeError('System text stands in front of everything: give it first, and once.');
    const text = textOf(message.content);
    if (role === 'system') system = text;
    else if (message.prefix) prefix = text;
    else messages.push({ role: role as Message['role'], text });
  }
  return { system, messages, prefix };
};
