import type { Turned } from './predictor.js';

/** Turns vectors of `width` channels back in place, (rows · heads, width), the first row at an absolute position. */
export const turnBack = (
  x: Float32Array,
  width: number,
  heads: number,
  position: number,
  turned?: Turned,
): void => {
  if (!turned) return;
  const { dim, pairing } = turned;
  const pairs = dim / 2;
  const rows = x.length / (width * heads);
  const angles = turned.angles(position, rows);
  for (let row = 0; row < rows; row++) {
    for (let head = 0; head < heads; head++) {
      const at = (row * heads + head) * width;
      for (let pair = 0; pair < pairs; pair++) {
        const [cos, sin] = [angles[row * dim + pair]!, angles[row * dim + pairs + pair]!];
        const first = at + (pairing === 'half' ? pair : 2 * pair);
        const second = first + (pairing === 'half' ? pairs : 1);
        const [a, b] = [x[first]!, x[second]!];
        // Rotations may also lengthen.
        const length = cos * cos + sin * sin;
        x[first] = (cos * a + sin * b) / length;
        x[second] = (cos * b - sin * a) / length;
      }
    }
  }
};
