// @ts-check
// What the assistant can do besides talking: for a model that calls tools, and for the visitor, by commands.
import { calculate } from './calculate.js';
import { search } from './search.js';
import { allTexts } from './texts.js';

/** How a result begins in the conversation. */
const CALCULATED = 'Calculator: ';
const FOUND = 'Found in ';

const sentence = { type: 'string', minLength: 1, maxLength: 80 };
/** As a model reads of them. @type {import('../../dist/index.js').Tool[]} */
export const TOOLS = [
  {
    name: 'calculate',
    description: 'Calculates an arithmetic expression such as (12 + 3) * 7.',
    parameters: { type: 'object', properties: { expression: sentence }, required: ['expression'] },
  },
  {
    name: 'find',
    description: "Finds passages in the user's texts by their words.",
    parameters: { type: 'object', properties: { words: sentence }, required: ['words'] },
  },
];

const find = async (/** @type {string} */ words) => {
  const found = search(await allTexts(), words);
  if (found.length === 0) throw new Error(`None of your texts has these words: ${words}`);
  return found.map(({ name, passage }) => `${FOUND}“${name}”: ${passage}`).join('\n');
};

/** @type {Record<string, (text: string) => Promise<string>>} */
const commands = { calc: async (text) => CALCULATED + calculate(text), find };

/** What a message that is a command asks for; undefined for every other one. @param {string} text */
export const commandOf = (text) => {
  const [, name = '', rest = ''] = /^\/(calc|find)\s+(.+)$/s.exec(text) ?? [];
  return Object.hasOwn(commands, name) ? () => commands[name]?.(rest) : undefined;
};

/** What a model called. @type {import('../../dist/chat.js').RunTool} */
export const run = async ({ name, arguments: given }) => {
  if (name === 'calculate') return calculate(String(given.expression));
  if (name === 'find') return find(String(given.words));
  throw new Error(`There is no tool called ${name}.`);
};

/** Whether a text in the conversation is what a command found out. @param {string} text */
export const isResult = (text) => text.startsWith(CALCULATED) || text.startsWith(FOUND);
