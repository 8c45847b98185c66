import type { AskOptions, Tool } from '../../index.js';
import { refusal } from '../refusal.js';
import type { CallOptions, Warning } from './protocol.js';

/** What a session is asked with, and what of the call it does not do. */
export interface Settings {
  readonly ask: AskOptions;
  readonly tools: readonly Tool[];
  readonly warnings: Warning[];
}

/** An answer may be so long where nothing is said of it. */
const USUAL_TOKENS = 1024;

const readTools = ({ tools = [] }: CallOptions, warnings: Warning[]): Tool[] =>
  tools.flatMap(({ type, name, description, inputSchema, strict }) => {
    if (type !== 'function') {
      warnings.push({
        type: 'unsupported',
        feature: `tool ${name}`,
        details: 'Only functions are called here.',
      });
      return [];
    }
    const parameters = inputSchema as Record<string, unknown> | undefined;
    return [
      {
        name,
        ...(description && { description }),
        ...(parameters && { parameters: { type: 'object', ...parameters } }),
        ...(strict === false && { strict }),
      },
    ];
  });

const choiceOf = ({ toolChoice }: CallOptions): AskOptions['toolChoice'] => {
  const { type, toolName } = toolChoice ?? { type: 'auto' };
  if (type === 'auto' || type === 'none' || type === 'required') return type;
  if (type === 'tool' && toolName !== undefined) return { name: toolName };
  throw refusal('toolChoice', `the choice "${type}" is not known here.`);
};

const reasoningOf = ({ reasoning, providerOptions }: CallOptions): boolean | undefined => {
  const own = providerOptions?.longhand?.reasoning;
  if (typeof own === 'boolean') return own;
  return reasoning === undefined || reasoning === 'provider-default' ? undefined : reasoning !== 'none';
};

/** Errors: `input/option` for a choice of tools that is not known. */
export const readSettings = (options: CallOptions): Settings => {
  const warnings: Warning[] = [];
  const tools = readTools(options, warnings);
  const { responseFormat: format, abortSignal, providerOptions } = options;
  const isJson = format?.type === 'json';
  let toolChoice = tools.length > 0 ? choiceOf(options) : undefined;
  if (isJson && toolChoice === 'auto') {
    toolChoice = 'none';
    warnings.push({ type: 'other', message: 'Beside a response format no tool is called.' });
  }
  const parallel = providerOptions?.longhand?.parallelCalls;
  const given = {
    maxTokens: options.maxOutputTokens ?? USUAL_TOKENS,
    temperature: options.temperature,
    stop: options.stopSequences?.length ? options.stopSequences : undefined,
    topP: options.topP,
    topK: options.topK,
    presencePenalty: options.presencePenalty,
    frequencyPenalty: options.frequencyPenalty,
    // Theirs may be any integer.
    seed: options.seed === undefined ? undefined : options.seed >>> 0,
    schema: isJson ? (format.schema ?? { type: 'object' }) : undefined,
    toolChoice,
    parallelCalls: tools.length > 0 && typeof parallel === 'boolean' ? parallel : undefined,
    reasoning: reasoningOf(options),
    signal: abortSignal,
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ask: set as AskOptions, tools, warnings };
};
