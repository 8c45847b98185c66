import type { Rotation } from './config.js';
import type { Numbers } from './numbers.js';

/** Rotated channels, and tokens of the window before it was stretched. */
interface RopeShape {
  readonly dim: number;
  readonly original: number;
}

/** Divides the frequency of every pair (position interpolation, arXiv 2306.15595). */
const linear = ({ dim }: RopeShape, factor: number): Pick<Rotation, 'factors'> =>
  factor === 1 ? {} : { factors: new Float64Array(dim / 2).fill(factor) };

/**
 * YaRN (arXiv 2309.00071 §3): pairs that turn more than `fast` times within the original window keep their frequency,
 * those that turn less than `slow` times are interpolated, and in between it is a ramp over the number of the pair.
 */
const yarn = (
  { dim, original }: RopeShape,
  base: number,
  factor: number,
  [fast, slow]: readonly [number, number],
): Pick<Rotation, 'factors' | 'magnitude'> => {
  const pairThatTurns = (times: number): number =>
    (dim * Math.log(original / (times * 2 * Math.PI))) / (2 * Math.log(base));
  const first = Math.max(0, Math.floor(pairThatTurns(fast)));
  const last = Math.min(dim - 1, Math.ceil(pairThatTurns(slow)));
  const factors = Float64Array.from({ length: dim / 2 }, (_, pair) => {
    const interpolated = Math.min(1, Math.max(0, (pair - first) / Math.max(0.001, last - first)));
    return 1 / (interpolated / factor + 1 - interpolated);
  });
  return { factors, magnitude: factor > 1 ? 1 + 0.1 * Math.log(factor) : 1 };
};

/** The rotation of the layers that read everything, as the file says. */
const readScaled = (numbers: Numbers, shape: RopeShape, longFactors: boolean): Rotation => {
  const base = numbers.number('rope.freq_base', 10_000);
  if (!(base > 0 && base < 1e12)) throw numbers.inconsistent(`rope.freq_base is ${base}`);
  const scaling = (key: string, fallback: number): number => numbers.number(`rope.scaling.${key}`, fallback);
  const factor = scaling('factor', 0) || numbers.number('rope.scale_linear', 0) || 1;
  if (!(factor > 0 && factor < 1e6)) throw numbers.inconsistent(`rope.scaling.factor is ${factor}`);
  const strength = scaling('attn_factor', 1);
  if (!(strength > 0 && strength < 100)) {
    throw numbers.inconsistent(`rope.scaling.attn_factor is ${strength}`);
  }
  const plain: Rotation = { base, ...(strength !== 1 && { magnitude: strength }) };
  for (const key of ['alpha', 'yarn_log_multiplier']) {
    if (scaling(key, 0) !== 0) throw numbers.unsupported(`has rope.scaling.${key} ${scaling(key, 0)}`);
  }

  const type = numbers.string('rope.scaling.type', 'linear');
  switch (type) {
    case 'none':
      return plain;
    case 'longrope': // Only the factors scale, and they are tensors.
      if (longFactors) return plain;
      break;
    case 'linear':
      return { ...plain, ...linear(shape, factor) };
    case 'yarn': {
      for (const key of ['yarn_ext_factor', 'yarn_attn_factor']) {
        if (scaling(key, 1) !== 1) throw numbers.unsupported(`has rope.scaling.${key} ${scaling(key, 1)}`);
      }
      const turns = [scaling('yarn_beta_fast', 32), scaling('yarn_beta_slow', 1)] as const;
      if (!(turns[0] >= turns[1] && turns[1] > 0)) {
        throw numbers.inconsistent(`rope.scaling.yarn_beta_fast and _slow are ${turns.join(' and ')}`);
      }
      const scaled = yarn(shape, base, factor, turns);
      return { ...plain, ...scaled, magnitude: scaled.magnitude! * strength };
    }
  }
  throw numbers.unsupported(`scales its rotation by "${type}"`);
};

/**
 * The rotation of the layers that read everything and, where they have one of their own, that of the layers that slide:
 * with base `rope.freq_base_swa` or else `localBase`, never scaled.
 */
export const readRotations = (
  numbers: Numbers,
  shape: RopeShape,
  { localBase, longFactors = false }: { readonly localBase?: number; readonly longFactors?: boolean },
): readonly Rotation[] => {
  const whole = readScaled(numbers, shape, longFactors);
  const base = numbers.number('rope.freq_base_swa', localBase ?? 0);
  if (base === 0) return [whole];
  if (!(base > 0 && base < 1e12)) throw numbers.inconsistent(`rope.freq_base_swa is ${base}`);
  return [whole, { base }];
};
