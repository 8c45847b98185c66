import type { Turned } from '../predictors/predictor.js';
import type { ModelConfig, Rotation } from './config.js';

/**
 * Rotation angles of rows at positions [position, position + rows): (rows, dim), cosines first, then sines.
 * Computed in f64 from exact positions, so that the hundred-thousandth token is rotated as exactly as the first.
 * RoFormer, arXiv 2104.09864 §3.2.
 */
export const ropeAngles = (
  { base, factors, magnitude = 1 }: Rotation,
  dim: number,
  position: number,
  rows: number,
): Float32Array => {
  const pairs = dim / 2;
  const angles = new Float32Array(rows * dim);
  for (let pair = 0; pair < pairs; pair++) {
    const frequency = base ** (-pair / pairs) / (factors?.[pair] ?? 1);
    for (let row = 0; row < rows; row++) {
      const angle = (position + row) * frequency;
      angles[row * dim + pair] = magnitude * Math.cos(angle);
      angles[row * dim + pairs + pair] = magnitude * Math.sin(angle);
    }
  }
  return angles;
};

/** How queries and keys of a layer are turned, as they are kept; `undefined` where they are not. */
export const turningOf = (
  { rope, attention, narrowedKeys }: ModelConfig,
  layer: number,
): Turned | undefined => {
  const rotation = rope.rotations[attention[layer]!.rotation ?? rope.rotations.length];
  if (!rotation) return undefined;
  const all = { dim: rope.dim, pairing: rope.pairing };
  const pairs = narrowedKeys?.pairs[layer];
  if (!pairs) return { ...all, angles: (position, rows) => ropeAngles(rotation, rope.dim, position, rows) };
  const columns = [...pairs, ...pairs.map((pair) => rope.dim / 2 + pair)];
  return {
    ...all,
    dim: columns.length,
    angles(position, rows) {
      const whole = ropeAngles(rotation, rope.dim, position, rows);
      return Float32Array.from({ length: rows * columns.length }, (_, i) => {
        const row = Math.floor(i / columns.length);
        return whole[row * rope.dim + columns[i % columns.length]!]!;
      });
    },
  };
};
