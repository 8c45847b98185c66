import type { Backend, KvLayer, KvShape } from '../backends/backend.js';
import { digest } from '../kv/digest.js';
import type { KeptNotes } from '../kv/kept-notes.js';
import { storedKeys } from './stored-keys.js';

/** What a method notes of runs of whole pages, by layer. Kept on the CPU (`Needs.host`). */
export interface PageNotes<T> {
  /** Of pages [run · pages, (run + 1) · pages), all in memory. */
  of(backend: Backend, kv: KvLayer, run: number): T;
  /** How they rest in a store, where `NoteBytes` were given. */
  readonly kept?: KeptNotes;
}

/** Notes as bytes, where they take long to make. */
export interface NoteBytes<T> {
  /** All that shapes notes beside the keys. */
  readonly name: string;
  encode(note: T): Uint8Array;
  /** `keys`: those that the note is of. `undefined`: these bytes are none of theirs. */
  decode(bytes: Uint8Array, keys: Float32Array, shape: KvShape): T | undefined;
}

/** A note, or the bytes of one, of keys with this digest, which they had after so many edits of their layer. */
interface Noted<T> {
  readonly sum: number;
  readonly edits?: number | undefined;
  readonly note?: T;
  /** Made here, and not found at rest. */
  readonly isMade?: boolean;
  readonly bytes?: Uint8Array;
}

/** Words of each layer before the notes of a run, behind how many there are: its number, a digest of its pages, bytes of its note. */
const FIELDS = 3;

/**
 * Notes that `make` takes from the keys of a run, (pages · PAGE, kvHeads · keyDim). They are a function of the stored keys and
 * of nothing else, so that a text which comes from a store, or is cut and read again, is read in the same way: pages are
 * digested whenever they may have changed, and noted again where they hold something else.
 */
export const createPageNotes = <T>(
  pages: number,
  make: (keys: Float32Array, shape: KvShape, run: number, backend: Backend) => T,
  rest?: NoteBytes<T>,
): PageNotes<T> => {
  const known = new WeakMap<KvLayer, Noted<T>[]>();
  const notesOf = (kv: KvLayer): Noted<T>[] => {
    const notes = known.get(kv) ?? [];
    known.set(kv, notes);
    return notes;
  };
  const kept: KeptNotes | undefined = rest && {
    name: rest.name,
    pages,
    read(layers, run) {
      const noted = layers.flatMap((kv, layer) => {
        const own = known.get(kv);
        return own ? [{ layer, kv, of: own[run] }] : [];
      });
      // Of all layers that the method chooses for, and of the keys that are there now.
      const isWhole = noted.every(({ kv, of }) => of?.note !== undefined && kv.edits === (of.edits ?? -1));
      if (!isWhole || noted.length === 0) return undefined;
      if (!noted.some(({ of }) => of!.isMade)) return new Uint8Array(0);
      const own = noted.map(({ layer, of }) => ({ layer, sum: of!.sum, bytes: rest.encode(of!.note!) }));
      const words = [own.length, ...own.flatMap(({ layer, sum, bytes }) => [layer, sum, bytes.length])];
      const total = own.reduce((at, { bytes }) => at + bytes.length, 4 * words.length);
      const out = new Uint8Array(total);
      new Uint32Array(out.buffer, 0, words.length).set(words);
      let at = 4 * words.length;
      for (const { bytes } of own) {
        out.set(bytes, at);
        at += bytes.length;
      }
      return out;
    },
    write(layers, run, bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const count = bytes.length < 4 ? 0 : view.getUint32(0, true);
      let at = 4 * (1 + FIELDS * count);
      if (at > bytes.length) return;
      for (let i = 0; i < count; i++) {
        const [layer, sum, length] = [0, 1, 2].map((field) =>
          view.getUint32(4 * (1 + FIELDS * i + field), true),
        );
        const kv = layers[layer!];
        if (!kv || at + length! > bytes.length) return;
        notesOf(kv)[run] = { sum: sum!, bytes: bytes.slice(at, at + length!) };
        at += length!;
      }
    },
  };
  return {
    of(backend, kv, run) {
      const notes = notesOf(kv);
      const last = notes[run];
      const { edits } = kv;
      if (last?.note !== undefined && edits !== undefined && last.edits === edits) return last.note;
      let sum = 0;
      for (let page = run * pages; page < (run + 1) * pages; page++) {
        sum = digest(backend.peekPage!(kv, page), sum)[0]!;
      }
      const found = last?.sum === sum ? last : undefined;
      if (found?.note !== undefined) {
        notes[run] = { ...found, edits };
        return found.note;
      }
      const keys = storedKeys(backend, kv, run * pages, (run + 1) * pages);
      const atRest = found?.bytes && rest?.decode(found.bytes, keys, kv.shape);
      const note = atRest ?? make(keys, kv.shape, run, backend);
      notes[run] = { sum, note, edits, isMade: atRest === undefined };
      return note;
    },
    ...(kept && { kept }),
  };
};
