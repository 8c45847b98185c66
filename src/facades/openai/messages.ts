import type { Tool, ToolCall } from '../../index.js';
import type { Chat } from '../chat-turns.js';
import { type Entry, readChat } from '../read-chat.js';
import { refusal } from '../refusal.js';
import type { Message, MessageToolCall } from './protocol.js';

const ROLES = ['system', 'user', 'assistant', 'tool'];

const textOf = ({ role, content }: Message, at: string): string => {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content))
    throw refusal(`${at}.content`, `a message of the role ${role} must have text.`);
  return content
    .map((part, i) => {
      if (part?.type === 'text' && typeof part.text === 'string') return part.text;
      throw refusal(`${at}.content[${i}]`, `only parts of text are read here, not "${String(part?.type)}".`);
    })
    .join('\n');
};

const callOf = (call: MessageToolCall, at: string): ToolCall & { readonly id: string } => {
  const { name, arguments: given } = call?.function ?? {};
  const read = ((): unknown => {
    try {
      return JSON.parse(given || '{}');
    } catch {
      return undefined;
    }
  })();
  const isObject = typeof read === 'object' && read !== null && !Array.isArray(read);
  if (typeof call?.id !== 'string' || typeof name !== 'string' || !isObject)
    throw refusal(at, 'a call has an id, and a function with a name and arguments that are a JSON object.');
  return { id: call.id, name, arguments: read as Record<string, unknown> };
};

const readOne = (message: Message, at: string): Entry => {
  const role = message?.role === 'developer' ? 'system' : message?.role;
  if (!ROLES.includes(role)) throw refusal(`${at}.role`, `the role "${String(role)}" is not known here.`);
  const { tool_calls: calls, tool_call_id: id, content } = message;
  const made = (Array.isArray(calls) ? calls : []).map((call, i) => callOf(call, `${at}.tool_calls[${i}]`));
  const isSilent = made.length > 0 && (content === null || content === undefined);
  const text = isSilent ? '' : textOf(message, at);
  if (role === 'tool' && typeof id !== 'string') throw refusal(`${at}.tool_call_id`, 'it is missing.');
  if (role === 'tool') return { role, text: '', calls: [], results: [[id as string, text]] };
  return { role: role as Entry['role'], text, calls: made, results: [] };
};

/**
 * Texts alone: whatever a message says, nothing in it becomes control.
 * Errors: `input/option` for roles, orders and contents that a session has no place for.
 */
export const readMessages = (messages: readonly Message[], tools: readonly Tool[]): Chat => {
  if (!Array.isArray(messages) || messages.length === 0) throw refusal('messages', 'there are none.');
  return readChat(
    messages.map((message, i) => readOne(message, `messages[${i}]`)),
    tools,
  );
};
