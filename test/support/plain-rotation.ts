/** Rotary positions as a file means them, pair by pair. Nothing is shared with the engine. */
import type { Gguf } from '../../src/weights/gguf.js';

export interface PlainRotation {
  /** Rotates one head in place by its position. */
  turn(head: Float64Array, position: number): void;
  /** The same channels by another base, not scaled. */
  plainly(base: number): PlainRotation;
}

/** The angle of pair `pair` at a position, and the length of its vector. */
type Angle = (pair: number, position: number) => number;

/** RoFormer, arXiv 2104.09864; `room` as in PlainOptions. */
export const plainRotation = (
  gguf: Gguf,
  pairing: 'adjacent' | 'half',
  headDim: number,
  room: number | undefined,
  tensor: (name: string) => Float64Array | undefined,
): PlainRotation => {
  const architecture = gguf.metadata.string('general.architecture');
  const number = (key: string, fallback?: number) => gguf.metadata.number(`${architecture}.${key}`, fallback);
  const dim = number('rope.dimension_count', headDim);
  const base = number('rope.freq_base', 10000);
  const window = number('context_length');
  const original = number('rope.scaling.original_context_length', window);
  const factor = number('rope.scaling.factor', 1);
  const type = gguf.metadata.string(`${architecture}.rope.scaling.type`, 'linear');
  const length = number('rope.scaling.attn_factor', 1) * (type === 'yarn' ? 1 + 0.1 * Math.log(factor) : 1);
  const stretched = (room ?? window) > original ? 'long' : 'short';
  const divisors = tensor('rope_freqs.weight') ?? tensor(`rope_factors_${stretched}.weight`);

  const turning =
    (angle: Angle, scale: number) =>
    (head: Float64Array, position: number): void => {
      for (let pair = 0; pair < dim / 2; pair++) {
        const first = pairing === 'half' ? pair : 2 * pair;
        const second = pairing === 'half' ? pair + dim / 2 : 2 * pair + 1;
        const [cos, sin] = [Math.cos(angle(pair, position)), Math.sin(angle(pair, position))];
        const [a, b] = [head[first]!, head[second]!];
        head[first] = scale * (a * cos - b * sin);
        head[second] = scale * (b * cos + a * sin);
      }
    };
  /** Pairs that turn `turns` times within the original window; YaRN, arXiv 2309.00071. */
  const pairOf = (turns: number): number =>
    (dim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const kept = (pair: number): number => {
    if (type !== 'yarn') return type === 'none' ? 1 : 0;
    const [low, high] = [Math.max(0, Math.floor(pairOf(32))), Math.min(dim - 1, Math.ceil(pairOf(1)))];
    return 1 - Math.min(1, Math.max(0, (pair - low) / Math.max(0.001, high - low)));
  };
  const angle: Angle = (pair, position) => {
    const extrapolated = (position * base ** ((-2 * pair) / dim)) / (divisors?.[pair] ?? 1);
    return kept(pair) * extrapolated + ((1 - kept(pair)) * extrapolated) / factor;
  };
  const plainly = (other: number): PlainRotation => ({
    turn: turning((pair, position) => position * other ** ((-2 * pair) / dim), 1),
    plainly,
  });
  return { turn: turning(angle, length), plainly };
};
