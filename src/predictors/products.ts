import type { Backend, Weight } from '../backends/backend.js';

/** Rows of `dim` numbers as a weight: whoever makes it frees it. */
export const weightOf = (backend: Backend, label: string, rows: Float32Array, dim: number): Weight => {
  const weight = backend.weight(label, 'F32', rows.length / dim, dim);
  backend.fill(weight, 0, new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
  return weight;
};

/** x · wᵀ, (rows of x, rows of w), by the backend's own kernel. Needs a CPU (`Needs.host`). */
export const productsOf = (backend: Backend, x: Float32Array, w: Weight): Float32Array<ArrayBuffer> => {
  const rows = x.length / w.cols;
  const [vectors, products] = [backend.tensor('x', rows, w.cols), backend.tensor('x · w', rows, w.rows)];
  backend.upload(vectors, x);
  backend.matmul(products, vectors, w);
  const out = Float32Array.from(backend.peek!(products));
  backend.free(vectors);
  backend.free(products);
  return out;
};
