import type { Backend, Tensor, Weight } from '../backends/backend.js';

/** Rows of `dim` numbers as a weight: whoever makes it frees it. */
export const weightOf = (backend: Backend, label: string, rows: Float32Array, dim: number): Weight => {
  const weight = backend.weight(label, 'F32', rows.length / dim, dim);
  try {
    backend.fill(weight, 0, new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength));
  } catch (error) {
    backend.free(weight);
    throw error;
  }
  return weight;
};

/** x · wᵀ, (rows of x, rows of w), by the backend's own kernel. Needs a CPU (`Needs.host`). */
export const productsOf = (backend: Backend, x: Float32Array, w: Weight): Float32Array<ArrayBuffer> => {
  const rows = x.length / w.cols;
  const used: Tensor[] = [];
  try {
    const vectors = backend.tensor('x', rows, w.cols);
    used.push(vectors);
    const products = backend.tensor('x · w', rows, w.rows);
    used.push(products);
    backend.upload(vectors, x);
    backend.matmul(products, vectors, w);
    return Float32Array.from(backend.peek!(products));
  } finally {
    for (const tensor of used) backend.free(tensor);
  }
};
