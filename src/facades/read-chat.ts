import type { Tool, ToolCall, ToolResult } from '../index.js';
import type { Chat, Turn } from './chat-turns.js';
import { refusal } from './refusal.js';

/** A message of a chat, in no one's shape. */
export interface Entry {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly text: string;
  /** Of the assistant, with their ids. */
  readonly calls: readonly (ToolCall & { readonly id: string })[];
  /** Of tools: ids of calls, and what they led to. */
  readonly results: readonly (readonly [id: string, content: string])[];
}

/** Results in the order of the calls that they belong to. */
const resultsFor = (calls: Entry['calls'], results: Entry['results']): ToolResult[] => {
  const given = new Map(results);
  const lost = [...given.keys()].find((id) => calls.every((call) => call.id !== id));
  if (lost !== undefined) throw refusal('messages', `no call before has the id "${lost}".`);
  return calls.map(({ id, name }) => {
    const content = given.get(id);
    if (content === undefined) throw refusal('messages', `the call "${id}" has no result.`);
    return { name, content };
  });
};

const joined = (entries: readonly Entry[]): Entry[] => {
  const all: Entry[] = [];
  for (const [i, one] of entries.entries()) {
    const at = `messages[${i}]`;
    const last = all.at(-1);
    if (last?.role === one.role) {
      const text = one.role === 'tool' ? '' : `${last.text}\n\n${one.text}`;
      const [calls, results] = [
        [...last.calls, ...one.calls],
        [...last.results, ...one.results],
      ];
      all[all.length - 1] = { role: one.role, text, calls, results };
    } else if (one.role === 'system' && last) {
      throw refusal(`${at}.role`, 'system text stands in front of everything.');
    } else if (one.role === 'tool' && !last?.calls.length) {
      throw refusal(`${at}.role`, 'a result of a tool follows the call.');
    } else all.push(one);
  }
  return all;
};

/**
 * Texts alone: whatever a message says, nothing in it becomes control. Neighbouring messages of one role are one.
 * Errors: `input/option` for roles, orders and contents that a session has no place for.
 */
export const readChat = (entries: readonly Entry[], tools: readonly Tool[]): Chat => {
  const all = joined(entries);
  const system = all[0]?.role === 'system' ? all.shift()!.text : undefined;
  const last = all.pop();
  const asks = (one: Entry | undefined, calls: Entry['calls']): string | ToolResult[] | undefined => {
    if (one?.role === 'tool') return resultsFor(calls, one.results);
    return one?.role === 'user' && one.text !== '' ? one.text : undefined;
  };
  const turns: Turn[] = [];
  let calls: Entry['calls'] = [];
  for (let i = 0; i < all.length; i += 2) {
    const asked = asks(all[i], calls);
    const answered = all[i + 1];
    if (asked === undefined || answered?.role !== 'assistant')
      throw refusal('messages', 'the first one must be of the user.');
    calls = answered.calls;
    const made = calls.map(({ name, arguments: given }) => ({ name, arguments: given }));
    turns.push({ question: asked, answer: { text: answered.text, calls: made } });
  }
  const question = asks(last, calls);
  if (question === undefined)
    throw refusal('messages', 'the last one must be a question of the user, or a result of a tool.');
  return { system, tools, turns, question };
};
