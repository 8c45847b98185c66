import type { SampleOptions } from '../../index.js';
import type { CoreOptions, Params, SamplingMode } from './protocol.js';

/** Ours: the draft leaves to implementations what its modes are. The first is greedy, so it repeats itself exactly. */
const MODES: Readonly<Record<SamplingMode, { topK: number; temperature: number; topP: number }>> = {
  'most-predictable': { topK: 1, temperature: 0, topP: 1 },
  predictable: { topK: 10, temperature: 0.3, topP: 0.9 },
  'slightly-predictable': { topK: 20, temperature: 0.5, topP: 0.95 },
  balanced: { topK: 40, temperature: 0.7, topP: 0.95 },
  'slightly-creative': { topK: 64, temperature: 0.85, topP: 0.95 },
  creative: { topK: 96, temperature: 1, topP: 0.98 },
  'most-creative': { topK: 128, temperature: 1.3, topP: 1 },
};

export const PARAMS: Params = {
  defaultTopK: MODES.balanced.topK,
  maxTopK: 128,
  defaultTemperature: MODES.balanced.temperature,
  maxTemperature: 2,
};

export interface Sampling {
  /** Null where the session was made with `topK` or `temperature`. */
  readonly samplingMode: SamplingMode | null;
  readonly topK: number;
  readonly temperature: number;
  readonly options: SampleOptions;
}

/** Errors: `TypeError` for unknown modes and for both kinds at once, `RangeError` for numbers that cannot be. */
export const readSampling = ({ samplingMode, topK, temperature }: CoreOptions): Sampling => {
  if (topK === undefined && temperature === undefined) {
    const mode = samplingMode ?? 'balanced';
    if (!Object.hasOwn(MODES, mode)) throw new TypeError(`There is no sampling mode '${String(mode)}'.`);
    const options = MODES[mode];
    return { samplingMode: mode, topK: options.topK, temperature: options.temperature, options };
  }
  if (samplingMode !== undefined)
    throw new TypeError('A session has a `samplingMode`, or `topK` and `temperature`, but not both.');
  const heat = Number(temperature ?? PARAMS.defaultTemperature);
  const most = Math.trunc(Math.min(Number(topK ?? PARAMS.defaultTopK), PARAMS.maxTopK));
  if (!(heat >= 0)) throw new RangeError('`temperature` must be at least 0.');
  if (!(most >= 1)) throw new RangeError('`topK` must be at least 1.');
  const options = { topK: most, temperature: Math.min(heat, PARAMS.maxTemperature) };
  return { samplingMode: null, ...options, options };
};
