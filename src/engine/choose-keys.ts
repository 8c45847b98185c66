import { Context } from '../generate/context.js';
import type { Reader } from '../generate/reader.js';
import type { PageCodecs } from '../model/state.js';
import { loadPolicies } from '../policies/load-policies.js';
import { dense } from '../predictors/dense.js';
import { keptTrials } from './kept-trials.js';
import type { checkEngineOptions } from './options.js';

/** What a model is tried with. */
export interface Trial {
  readonly fingerprint: string;
  readonly signal: AbortSignal;
  encode(text: string): Promise<number[]>;
}

/** The codecs of pages: keys in q4, where they were asked for or may be taken (`auto`), only if a trial shows that the model bears them. */
export const chooseKeys = async (
  reader: Reader,
  chosen: ReturnType<typeof checkEngineOptions>,
  { fingerprint, signal, encode }: Trial,
): Promise<PageCodecs> => {
  const { codecs, config, maxTokens } = reader;
  if (codecs.keys !== 'q4') return codecs;
  const kept = keptTrials(chosen, 'bears');
  const what = [fingerprint, codecs.values, config.valueDim];
  const { settleKeys } = await loadPolicies('keys other than q4');
  const keys = await settleKeys({
    ...{ asked: chosen.keys, maxTokens, encode },
    known: () => kept.get(what),
    keep: (outcome) => kept.put(what, outcome),
    open(keys) {
      const predictor = dense({ method: 'dense' });
      const context = new Context({ ...reader, codecs: { ...codecs, keys }, predictor, retain: undefined });
      return {
        async read(ids) {
          if (ids.length > 1) await context.append(ids, false, { signal });
          else context.push(ids[0]!);
          return (await context.logits({ signal })).slice();
        },
        close: () => context.close(),
      };
    },
  });
  return { ...codecs, keys };
};
