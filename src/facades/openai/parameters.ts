import type { AskOptions } from '../../index.js';
import type { CompletionRequest, ResponseFormat } from './protocol.js';
import { refusal } from './refusal.js';

const READ = new Set(
  (
    'model messages stream stream_options max_tokens max_completion_tokens temperature top_p presence_penalty ' +
    'frequency_penalty logit_bias seed stop logprobs top_logprobs response_format reasoning_effort n'
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

/** Errors: `input/option` with the name of a parameter that would be ignored. */
export const readParameters = (request: CompletionRequest): AskOptions => {
  for (const [name, value] of Object.entries(request)) {
    if (value === null || value === undefined || READ.has(name) || SILENT.has(name)) continue;
    if (name === 'tools' && Array.isArray(value) && value.length === 0) continue;
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
    reasoning: effort === null || effort === undefined ? undefined : effort !== 'none',
  };
  const set = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  );
  return { ...(set as AskOptions), ...schemaOf(request.response_format) };
};
