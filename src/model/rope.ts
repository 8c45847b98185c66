import type { Rotation } from './config.js';

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
