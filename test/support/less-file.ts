import { random } from './random.js';
import { type WrittenTensor, writeSafetensors } from './safetensors-writer.js';

export interface LessShape {
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly hidden: number;
  readonly rank: number;
}

/** A file of kernels for `evicted: 'less'`: random ones, or what `numbers` says of a tensor. */
export const lessFile = (
  { layers, heads, kvHeads, dim, hidden, rank }: LessShape,
  numbers?: (name: string, shape: readonly number[]) => Float32Array,
): Uint8Array<ArrayBuffer> => {
  const { normals } = random(17);
  const shapes: Readonly<Record<string, readonly number[]>> = {
    q1: [heads, hidden, dim],
    q2: [heads, rank, hidden],
    k1: [kvHeads, hidden, dim],
    k2: [kvHeads, rank, hidden],
    k3: [kvHeads, rank, rank],
    c1: [kvHeads, rank],
    c2: [kvHeads, rank],
  };
  const drawn = (_: string, shape: readonly number[]): Float32Array => {
    const count = shape.reduce((a, b) => a * b, 1);
    return normals(count).map((x) => x / Math.sqrt(shape.at(-1)!));
  };
  const tensors = new Map<string, WrittenTensor>();
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, shape] of Object.entries(shapes))
      tensors.set(`layers.${layer}.${name}`, { shape, values: (numbers ?? drawn)(name, shape) });
  }
  return writeSafetensors(tensors);
};
