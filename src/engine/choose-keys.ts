import { Context } from '../generate/context.js';
import type { Reader } from '../generate/reader.js';
import type { PageCodecs } from '../model/state.js';
import { loadPolicies } from '../policies/load-policies.js';
import { dense } from '../predictors/dense.js';
import type { TrialReader } from '../weights/key-divergence.js';
import { keptTrials } from './kept-trials.js';
import type { checkEngineOptions } from './options.js';

/** Nats that the distribution of the next token may move on average, beside keys in q8. */
const BEARABLE = 0.01;
/** What to do where the trial cannot be had. */
const WITHOUT = 'keys other than q4';

/** What keys are tried with. */
export interface KeyTrial {
  readonly fingerprint: string;
  readonly signal: AbortSignal;
  encode(text: string): Promise<number[]>;
}

const readerWith = (reader: Reader, keys: 'q8' | 'q4', signal: AbortSignal): TrialReader & Context => {
  const codecs = { ...reader.codecs, keys };
  const context = new Context({
    ...reader,
    codecs,
    predictor: dense({ method: 'dense' }),
    retain: undefined,
  });
  return Object.assign(context, {
    async read(ids: readonly number[]) {
      if (ids.length > 1) await context.append(ids, false, { signal });
      else context.push(ids[0]!);
      return (await context.logits({ signal })).slice();
    },
  });
};

/** Divergence of keys in q4 from keys in q8, all else equal. */
const measured = async (reader: Reader, trial: KeyTrial): Promise<number> => {
  const { signal } = trial;
  const { keyDivergence, TRIAL_TEXT, TRIAL_TOKENS } = await loadPolicies(WITHOUT);
  const ids = (await trial.encode(TRIAL_TEXT)).slice(0, Math.min(TRIAL_TOKENS, reader.maxTokens));
  const [exact, coarse] = [readerWith(reader, 'q8', signal), readerWith(reader, 'q4', signal)];
  try {
    return await keyDivergence(exact, coarse, ids);
  } finally {
    exact.close();
    coarse.close();
  }
};

/**
 * The codecs of pages. Where keys in q4 were asked for, or may be taken (`auto`), 256 tokens of prose must show that the model
 * bears them, since some lose their thread by 4-bit keys and nothing in a file says which. The outcome is kept in the store.
 * Throws `input/option` where q4 was asked for and is not borne.
 */
export const chooseKeys = async (
  reader: Reader,
  chosen: ReturnType<typeof checkEngineOptions>,
  trial: KeyTrial,
): Promise<PageCodecs> => {
  if (reader.codecs.keys !== 'q4') return reader.codecs;
  const kept = keptTrials(chosen, 'bears');
  const what = [trial.fingerprint, reader.codecs.values, reader.config.valueDim];
  const known = (await kept.get(what)) as { readonly divergence?: unknown } | undefined;
  let divergence = Number(known?.divergence ?? Number.NaN);
  if (Number.isNaN(divergence)) {
    divergence = await measured(reader, trial);
    if (Number.isFinite(divergence)) await kept.put(what, { divergence });
  }
  if (divergence <= BEARABLE) return reader.codecs;
  if (chosen.keys === 'auto') return { ...reader.codecs, keys: 'q8' };
  throw (await loadPolicies(WITHOUT)).notBorne(divergence, BEARABLE);
};
