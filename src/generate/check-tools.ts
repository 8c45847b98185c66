import { LonghandError } from '../errors.js';
import { flag, onlyKnown, text } from '../options.js';
import type { ToldCalls, Tool, ToolResult } from '../text/tool.js';
import type { ToolSettings } from './tool-settings.js';

const NAME = /^[\w.-]{1,128}$/;
/** Tools that a session may have, and characters that they may be written with. */
const MOST_TOOLS = 128;
const LONGEST = 1 << 16;

const refuse = (option: string, why: string): LonghandError =>
  new LonghandError('input/option', `The option ${option} cannot be honoured: ${why}`, { option });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As JSON; undefined for what cannot be written so. */
const asJson = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
};

/** Refuses tools that are not what they must be, or two of one name. */
export const checkTools = (tools: readonly Tool[]): void => {
  if (!Array.isArray(tools) || tools.length > MOST_TOOLS)
    throw refuse('tools', `it must be a list of at most ${MOST_TOOLS} tools.`);
  const names = new Set<string>();
  for (const [i, tool] of tools.entries()) {
    const at = `tools[${i}]`;
    if (!isRecord(tool)) throw refuse(at, 'a tool is an object with a name.');
    onlyKnown(at, tool, ['name', 'description', 'parameters', 'strict']);
    const { name, parameters } = tool as { name: unknown; parameters?: unknown };
    if (typeof name !== 'string' || !NAME.test(name))
      throw refuse(`${at}.name`, 'a name is made of up to 128 letters, digits, _, - and dots.');
    if (names.has(name)) throw refuse(`${at}.name`, `there are two tools called ${name}.`);
    names.add(name);
    text(`${at}.description`, tool.description);
    flag(`${at}.strict`, tool.strict);
    if (parameters !== undefined && (!isRecord(parameters) || asJson(parameters) === undefined))
      throw refuse(`${at}.parameters`, 'a JSON Schema of an object is needed, as plain data.');
    if (parameters !== undefined && (parameters as { type?: unknown }).type !== 'object')
      throw refuse(`${at}.parameters`, 'arguments are an object: its type must be "object".');
  }
  if ((asJson(tools) ?? '').length > LONGEST)
    throw refuse('tools', `written out they are longer than ${LONGEST} characters.`);
};

export const checkToolSettings = ({ toolChoice, parallelCalls }: ToolSettings): void => {
  flag('parallelCalls', parallelCalls);
  const isWord = toolChoice === undefined || ['auto', 'none', 'required'].includes(toolChoice as string);
  if (isWord || (isRecord(toolChoice) && typeof toolChoice.name === 'string')) return;
  throw refuse('toolChoice', "use 'auto', 'none', 'required' or { name }.");
};

/** What is asked with, where it is no text. */
export const checkResults = (question: readonly ToolResult[]): void => {
  const areResults =
    Array.isArray(question) &&
    question.every((one) => isRecord(one) && typeof one.name === 'string' && typeof one.content === 'string');
  if (areResults) return;
  throw new LonghandError(
    'input/type',
    'A question must be a string, or a list of results of tools: { name, content }, both strings.',
  );
};

/** An answer that was given elsewhere, where it is no text. */
export const checkTold = (answer: ToldCalls): void => {
  const areCalls =
    isRecord(answer) &&
    (answer.text === undefined || typeof answer.text === 'string') &&
    Array.isArray(answer.calls) &&
    answer.calls.every((call) => isRecord(call) && typeof call.name === 'string' && isRecord(call.arguments));
  if (areCalls && asJson(answer) !== undefined) return;
  throw new LonghandError(
    'input/type',
    'An answer must be a string, or { text, calls } with calls of { name, arguments }, plain data.',
  );
};
