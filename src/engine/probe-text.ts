import { LonghandError } from '../errors.js';
import { checkTools, openingOf } from '../generate/opening.js';
import { type AppendHooks, tooLong } from '../generate/reader.js';
import { createTurnEncoder } from '../generate/turn-encoder.js';
import type { TextProbe } from '../kv/probe-text.js';
import type { OpenModel } from './open-model.js';
import type { ProbeSettings } from './session-options.js';
import { archiveOf } from './stored-sessions.js';

/**
 * What a new session would find of a text that is appended to it, or a new context of ids. A text is tokenized as the
 * session would: with the template's opening in front of it.
 */
export const probeText = async (
  model: OpenModel,
  what: string | readonly number[],
  { system, tools }: ProbeSettings,
  { signal }: AppendHooks,
): Promise<TextProbe> => {
  const { tokenizer, template, reader } = model;
  const archive = archiveOf(model);
  await checkTools(tools);
  if (what.length === 0)
    throw new LonghandError('input/option', 'There is nothing to probe: the text is empty.');
  const isText = typeof what === 'string';
  const opening = isText ? await openingOf(template, system, tools) : [];
  const encode = createTurnEncoder(tokenizer, template, opening);
  const before = isText ? await encode('start', undefined, [], signal) : [];
  const ids = isText ? await encode('start', undefined, [{ text: what, control: false }], signal) : what;
  if (ids.length > reader.maxTokens) throw tooLong(ids.length, reader.maxTokens);
  if (!reader.predictor.needs.prefixStable) {
    const reason =
      'With this attention method pages depend on what follows, so none are found by their content.';
    return { tokens: ids.length, restorableTokens: 0, cause: 'unshared', reason };
  }
  return archive.probe(ids, { lead: before.length, signal });
};
