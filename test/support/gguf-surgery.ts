import type { Source } from '../../src/weights/source.js';

/** Where `text` first lies in a file. */
export const find = (file: Uint8Array, text: string): number => {
  const wanted = new TextEncoder().encode(text);
  for (let at = 0; at + wanted.length <= file.length; at++) {
    if (wanted.every((byte, i) => file[at + i] === byte)) return at;
  }
  throw new Error(`"${text}" is not in the file.`);
};

/** A copy of a file that was changed through a view of it. */
export const patched = (file: Uint8Array, change: (view: DataView) => void): Uint8Array<ArrayBuffer> => {
  const copy = file.slice() as Uint8Array<ArrayBuffer>;
  change(new DataView(copy.buffer));
  return copy;
};

/** Places in the tensor table's entry of a tensor with `dims` dimensions. */
export const entryOf = (file: Uint8Array, name: string, dims: number) => {
  const end = find(file, name) + name.length;
  return { dims: end, shape: end + 4, type: end + 4 + 8 * dims, offset: end + 8 + 8 * dims };
};

/** Bytes in pieces of `step`, with or without a known size; `pulled` counts the bytes asked for. */
export const piecewise = (
  file: Uint8Array<ArrayBuffer>,
  step: number,
  sized = true,
): Source & { pulled: number; closed: boolean } => {
  const source = {
    label: 'The file',
    size: sized ? file.length : undefined,
    pulled: 0,
    closed: false,
    async *pieces() {
      try {
        for (let at = 0; at < file.length; at += step) {
          source.pulled = Math.min(file.length, at + step);
          yield file.subarray(at, at + step);
        }
      } finally {
        source.closed = true;
      }
    },
  };
  return source;
};
