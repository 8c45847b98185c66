import type { Message } from './protocol.js';
import { refusal } from './refusal.js';

/** A question and the answer that was given. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}

/** Messages as a session takes them: a system text, earlier turns, and the question that is to be answered. */
export interface Chat {
  readonly system: string | undefined;
  readonly turns: readonly Turn[];
  readonly question: string;
}

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

/**
 * Texts alone: whatever a message says, nothing in it becomes control. Neighbouring messages of one role are one.
 * Errors: `input/option` for roles, orders and contents that a session has no place for.
 */
export const readMessages = (messages: readonly Message[]): Chat => {
  if (!Array.isArray(messages) || messages.length === 0) throw refusal('messages', 'there are none.');
  const joined: { role: string; text: string }[] = [];
  for (const [i, message] of messages.entries()) {
    const at = `messages[${i}]`;
    const role = message?.role === 'developer' ? 'system' : message?.role;
    if (role !== 'system' && role !== 'user' && role !== 'assistant')
      throw refusal(`${at}.role`, `the role "${String(role)}" is not known here.`);
    if (Array.isArray(message.tool_calls) && message.tool_calls.length > 0)
      throw refusal(`${at}.tool_calls`, 'there are no tools here.');
    const text = textOf(message, at);
    const last = joined.at(-1);
    if (last && last.role === role) last.text += `\n\n${text}`;
    else if (role === 'system' && last)
      throw refusal(`${at}.role`, 'system text stands in front of everything.');
    else joined.push({ role, text });
  }
  const system = joined[0]?.role === 'system' ? joined.shift()!.text : undefined;
  const question = joined.pop();
  if (question?.role !== 'user' || question.text === '')
    throw refusal('messages', 'the last one must be a question of the user.');
  const turns: Turn[] = [];
  for (let i = 0; i < joined.length; i += 2) {
    const [asked, answered] = [joined[i]!, joined[i + 1]];
    if (asked.role !== 'user' || !answered) throw refusal('messages', 'the first one must be of the user.');
    turns.push({ question: asked.text, answer: answered.text });
  }
  return { system, turns, question: question.text };
};
