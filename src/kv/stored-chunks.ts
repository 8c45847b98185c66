import type { ChunkShape } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { boundBytes, decidedBoundary, meanBytes, sketchBytes } from './chunks.js';

/**
 * The boundaries in what was stored of pages [from, to): u32 number of boundaries that their windows decided, these
 * boundaries (u32), then for each layer the means of the chunks they close, the sketches of the pages and their bounds.
 * Throws `storage/corrupt` where the bytes cannot be that.
 */
export const storedBoundaries = (
  shape: ChunkShape,
  from: number,
  to: number,
  bytes: Uint8Array,
): Uint32Array<ArrayBuffer> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const closed = bytes.byteLength < 4 ? 0 : view.getUint32(0, true);
  const perLayer = closed * meanBytes(shape) + (to - from) * (sketchBytes(shape) + boundBytes(shape));
  const expected = 4 + closed * 4 + shape.layers * perLayer;
  const found = Uint32Array.from({ length: bytes.byteLength === expected ? closed : 0 }, (_, i) =>
    view.getUint32(4 + i * 4, true),
  );
  const [first, last] = [from, to].map((pages) => decidedBoundary(shape.boundaries, pages));
  const sound = found.every((b, i) => b > (found[i - 1] ?? first!) && b <= last!);
  if (bytes.byteLength !== expected || !sound) {
    throw new LonghandError(
      'storage/corrupt',
      `The stored chunks of pages ${from} to ${to} are damaged: ${bytes.byteLength} bytes were found, ${expected} ` +
        `with ascending boundaries up to ${last} were expected. They have to be made again from the text.`,
      { from, to, bytes: bytes.byteLength, expected },
    );
  }
  return found;
};
