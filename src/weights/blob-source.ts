import { throwIfAborted } from '../errors.js';
import type { Source } from './source.js';
import { reason, unreachable } from './unreachable.js';

/** Bytes read between two turns of the event loop. */
const PIECE = 4 << 20;

/** A Blob or File, read in slices, never copied whole. */
export const fromBlob = (blob: Blob, label = 'name' in blob ? String(blob.name) : 'The Blob'): Source => {
  return {
    label,
    size: blob.size,
    async *pieces(signal) {
      for (let at = 0; at < blob.size; at += PIECE) {
        throwIfAborted(signal);
        let piece: ArrayBuffer;
        try {
          piece = await blob.slice(at, at + PIECE).arrayBuffer();
        } catch (cause) {
          const advice = 'If the file was moved or changed, choose it again.';
          throw unreachable(label, `${reason(cause)} at byte ${at}`, advice, { offset: at }, cause);
        }
        throwIfAborted(signal);
        yield new Uint8Array(piece);
      }
    },
  };
};
