import type { AskOptions, Tool } from '../../index.js';
import { refusal } from '../refusal.js';
import type { CompletionRequest, ResponseFormat } from './protocol.js';

const READ = new Set(
  (
    'model messages stream stream_options max_tokens max_completion_tokens temperature top_p presence_penalty ' +
    'frequency_penalty logit_bias seed stop logprobs top_logprobs response_format reasoning_effort n ' +
    'tools tool_choice parallel_tool_calls'
  ).split(' '),
);
/** They change nothing of an answer. */
const SILENT = new Set(
  'user metadata store service_tier safety_identifier prompt_cache_key prompt_cache_retention verbosity'.split(
    ' ',
  ),
);

const schemaOf = (format: ResponseFormat | null | undefined): Pick<AskOptions, 'schema'> => {
  if (!format || format.type === 'text') return {};
  if (format.type === 'json_object') return { schema: { type: 'object' } };
  if (format.type !== 'json_schema')
    throw refusal('response_format', `the type "${format.type}" is not known here.`);
  if (format.json_schema?.schema === undefined)
    throw refusal('response_format.json_schema.schema', 'it is missing.');
  return { schema: format.json_schema.schema };
};

/** Errors: `input/option` for tools that are no functions. */
export const readTools = ({ tools }: CompletionRequest): readonly Tool[] =>
  (tools ?? []).map((tool, i) => {
    if (tool?.type !== 'function' || !tool.function)
      throw refusal(`tools[${i}]`, `only functions are known here, not "${String(tool?.type)}".`);
    const { name, description, parameters, strict } = tool.function;
    return {
      name,
      ...(description && { description }),
      ...(parameters !== undefined && parameters !== null && { parameters }),
      ...(strict === false && { strict }),
    };
  });

const choiceOf = ({ tool_choice: choice }: CompletionRequest): Pick<AskOptions, 'toolChoice'> => {
  if (choice === null || choice === undefined) return {};
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { toolChoice: choice };
  if (typeof choice === 'object' && choice.type === 'function' && choice.function)
    return { toolChoice: { name: choice.function.name } };
  throw refusal('tool_choice', 'use "auto", "none", "required" or a function.');
};

/** Errors: `input/option` with the name of a parameter that would be ignored. */
export const readParameters = (request: CompletionRequest, tools: readonly Tool[]): AskOptions => {
  for (const [name, value] of Object.entries(request)) {
    if (value === null || value === undefined || READ.has(name) || SILENT.has(name)) continue;
    throw refusal(name, 'it is not known here, and would be ignored.');
  }
  if ((request.n ?? 1) !== 1) throw refusal('n', 'one answer is given at a time.');
  const { stop, reasoning_effort: effort } = request;
  const given = {
    maxTokens: request.max_completion_tokens ?? request.max_tokens,
    temperature: request.temperature,
    topP: request.top_p,
    presencePenalty: request.presence_penalty,
    frequencyPenalty: request.frequency_penalty,
    logitBias: request.logit_bias,
    // Theirs may be any 64-bit number.
    seed: typeof request.seed === 'number' ? request.seed >>> 0 : undefined,
    stop: typeof stop === 'string' ? [stop] : stop,
    logprobs: request.logprobs ? (request.top_logprobs ?? 0) : undefined,
    parallelCalls: tools.length > 0 ? request.parallel_tool_calls : undefined,
    reasoning: effort === null || effort === undefined ? undefined : effort !== 'none',
  };
  const set = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  );
  return { ...(set as AskOptions), ...choiceOf(request), ...schemaOf(request.response_format) };
};
