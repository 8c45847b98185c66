import type { Entry } from '../read-chat.js';
import { refusal } from '../refusal.js';
import type { PromptMessage, PromptPart } from './protocol.js';

/** A result as the model reads it. */
const resultText = ({ output }: PromptPart, at: string): string => {
  const { type, value, reason } = output ?? { type: 'nothing' };
  if (type === 'text' || type === 'error-text') return String(value);
  if (type === 'json' || type === 'error-json') return JSON.stringify(value);
  if (type === 'execution-denied') return `The call was denied.${reason ? ` ${reason}` : ''}`;
  const parts = type === 'content' && Array.isArray(value) ? (value as PromptPart[]) : undefined;
  if (parts?.every((part) => part.type === 'text')) return parts.map(({ text }) => text).join('\n');
  throw refusal(at, `a result is text or JSON here, not "${type}".`);
};

const argumentsOf = ({ input }: PromptPart, at: string): Record<string, unknown> => {
  const given = typeof input === 'string' ? (JSON.parse(input || '{}') as unknown) : (input ?? {});
  if (typeof given === 'object' && given !== null && !Array.isArray(given))
    return given as Record<string, unknown>;
  throw refusal(at, 'what a tool is called with is a JSON object.');
};

/**
 * A message as a chat takes it. Reasoning of earlier turns is not fed back.
 * Errors: `input/option` for files, and for whatever else is no text, call or result.
 */
export const readPrompt = ({ role, content }: PromptMessage, index: number): Entry => {
  const at = `messages[${index}]`;
  if (role !== 'system' && role !== 'user' && role !== 'assistant' && role !== 'tool')
    throw refusal(`${at}.role`, `the role "${role}" is not known here.`);
  if (typeof content === 'string') return { role, text: content, calls: [], results: [] };
  const texts: string[] = [];
  const calls: Entry['calls'][number][] = [];
  const results: (readonly [string, string])[] = [];
  for (const [i, part] of content.entries()) {
    const place = `${at}.content[${i}]`;
    if (part.type === 'text') texts.push(part.text ?? '');
    else if (role === 'assistant' && part.type === 'tool-call')
      calls.push({ id: part.toolCallId!, name: part.toolName!, arguments: argumentsOf(part, place) });
    else if (role === 'tool' && part.type === 'tool-result')
      results.push([part.toolCallId!, resultText(part, place)]);
    else if (!(role === 'assistant' && part.type === 'reasoning'))
      throw refusal(place, `a part "${part.type}" is not known here.`);
  }
  return { role, text: texts.join('\n'), calls, results };
};
