import type { TensorSpec } from '../architectures/architecture.js';

/** Rows of a weight, from one of them on. */
interface Rows {
  readonly row: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Where stored rows stand in the weight: where they are, or, where heads are shared, once for each that shares theirs. Rows may
 * come in any pieces; a vector comes whole. `rowBytes`: of a row of the weight.
 */
export const repeated = ({ rows, cols, repeat }: TensorSpec, stored: Rows, rowBytes: number): Rows[] => {
  if (!repeat) return [stored];
  const { each, times } = repeat;
  const { row, bytes } = stored;
  const copies = (run: number): number[] => Array.from({ length: times }, (_, copy) => run * times + copy);
  if (rows === 1) {
    // A vector: its numbers are what a matrix has rows for.
    const all = new Uint8Array(cols * 4);
    for (let run = 0; run < cols / each / times; run++) {
      const own = bytes.subarray(run * each * 4, (run + 1) * each * 4);
      for (const copy of copies(run)) all.set(own, copy * each * 4);
    }
    return [{ row, bytes: all }];
  }
  const out: Rows[] = [];
  const end = row + bytes.length / rowBytes;
  for (let from = row, to = 0; from < end; from = to) {
    const run = Math.floor(from / each);
    to = Math.min(end, (run + 1) * each);
    const own = bytes.subarray((from - row) * rowBytes, (to - row) * rowBytes);
    for (const copy of copies(run)) out.push({ row: (copy - run) * each + from, bytes: own });
  }
  return out;
};
