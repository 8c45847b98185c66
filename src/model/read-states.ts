import { type StateShape, TAPS } from '../backends/backend.js';
import type { ModelConfig } from './config.js';
import type { Numbers } from './numbers.js';

/** What a file says of its layers with a state. */
export interface States {
  readonly shape: StateShape;
  /** By layer: whether it has one. */
  readonly recurs: readonly boolean[];
  /** KV heads of the other layers. */
  readonly kvHeads: number;
}

/** Rows of a matrix come in blocks of so many inputs. */
const ROW_STEP = 32;
/** Greatest count that is believed. */
const MOST = 1 << 20;

/** Layers without KV heads have a state. Throws `model/corrupt`, or `unsupported/architecture` for what is not computed. */
export const readStates = (numbers: Numbers, layers: number): States => {
  const kvHeads = numbers.perLayer('attention.head_count_kv', layers);
  const [attending, ...more] = new Set(kvHeads.filter((count) => count !== 0));
  const count = (key: string): number => numbers.number(`ssm.${key}`);
  const [inner, heads, state] = [count('inner_size'), count('time_step_rank'), count('state_size')];
  const [taps, groups] = [count('conv_kernel'), count('group_count')];
  if (taps !== TAPS || groups !== 1 || attending === undefined || more.length > 0)
    throw numbers.unsupported(
      `has states of ${groups} groups that convolve ${taps} rows, and layers of ${[attending, ...more].join(' and ')} KV heads`,
    );
  if (![inner, heads, state, inner / heads].every((one) => Number.isInteger(one) && one >= 1 && one <= MOST))
    throw numbers.inconsistent(`its states have ${inner} channels, ${heads} heads and ${state} numbers each`);
  if (inner % ROW_STEP !== 0) throw numbers.unsupported(`has rows of ${inner}, no multiple of ${ROW_STEP}`);
  return {
    shape: { heads, headDim: inner / heads, state },
    recurs: kvHeads.map((count) => count === 0),
    kvHeads: attending,
  };
};

/** What a file multiplies by (Granite); logits are divided there. */
export const readMultipliers = (
  numbers: Numbers,
): Pick<ModelConfig, 'embeddingScale' | 'residualScale' | 'logitScale'> => {
  const scale = (key: string): number => {
    const found = numbers.number(key, 1) || 1;
    if (!(found > 0 && found < 1e6)) throw numbers.inconsistent(`${key} is ${found}`);
    return found;
  };
  return {
    embeddingScale: scale('embedding_scale'),
    residualScale: scale('residual_scale'),
    logitScale: 1 / scale('logit_scale'),
  };
};
