import type { Backend, Tensor } from '../../src/backends/backend.js';
import { ROW_FORMATS } from '../../src/backends/row-formats.js';
import { random } from '../support/random.js';
import { randomRows, weightOf, weightTypes } from './weights.js';

export const tensorOf = (backend: Backend, rows: number, cols: number, values: Float32Array): Tensor => {
  const tensor = backend.tensor('test', rows, cols);
  backend.upload(tensor, values);
  return tensor;
};

/** Widths of tensors: small enough for one thread, and large enough for many items. */
const WIDTHS = [32, 256, 608];

/** A random walk through the linear verbs: what every tensor holds afterwards. */
export const walk = async (backend: Backend, start: number, steps: number): Promise<Float32Array[]> => {
  const seed = random(start);
  const rows = [1, 2, 5, 33, 150][start % 5]!;
  const tensors = WIDTHS.flatMap((cols) =>
    [0, 1, 2].map(() => tensorOf(backend, rows, cols, seed.normals(rows * cols))),
  );
  // Every type of weights, from each width it can have to each width in turn.
  const weights = weightTypes.flatMap((type, i) =>
    WIDTHS.filter((k) => k % ROW_FORMATS[type].inputs === 0).map((k, j) => {
      const n = WIDTHS[(i + j) % WIDTHS.length]!;
      return weightOf(backend, type, n, k, randomRows(seed, type, n, k));
    }),
  );
  const gains = WIDTHS.map((cols) =>
    weightOf(backend, 'F32', 1, cols, new Uint8Array(seed.uniforms(cols, 0.5, 1).buffer)),
  );
  const some = <T>(list: readonly T[]): T => list[seed.below(list.length)]!;
  const like = (cols: number): Tensor => some(tensors.filter((tensor) => tensor.cols === cols));
  const norm = (x: Tensor): void => backend.rmsNorm(x, x, gains[WIDTHS.indexOf(x.cols)]!, 1e-5);
  for (let step = 0; step < steps; step++) {
    const x = some(tensors);
    const other = like(x.cols);
    const kind = seed.below(8);
    if (kind < 4) {
      // Several products of one input in a row, now and then onto themselves or onto their input.
      for (let product = seed.below(4); product >= 0; product--) {
        const w = some(weights.filter(({ cols }) => cols === x.cols));
        backend.matmul(like(w.rows), x, w);
      }
    } else if (kind === 4) backend.gate(x, other, some(['silu', 'gelu'] as const));
    else if (kind === 5) backend.add(x, other);
    else if (kind === 6) backend.upload(x, seed.normals(rows * x.cols));
    else {
      // The angles are another tensor: rows that are rotated must not be read as angles meanwhile.
      const angles = some(tensors.filter((tensor) => tensor !== x));
      backend.rope(backend.view(x, rows * 2, x.cols / 2), backend.view(angles, rows, 16), 'half');
    }
    if (seed.below(2) === 0) for (const tensor of tensors) norm(tensor);
  }
  return Promise.all(tensors.map((tensor) => backend.read(tensor)));
};
