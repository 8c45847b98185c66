import { LonghandError } from '../errors.js';
import type { Source } from './source.js';

/** Bytes a GGUF header may take: far above any real one, low enough to bound what a hostile one can allocate. */
const HEADER_LIMIT = 128 << 20;

/**
 * Little-endian values from a stream. `ensure` waits until bytes are buffered; everything else is synchronous and
 * takes what is there, so that hundreds of thousands of short strings cost no waiting each.
 */
export interface ByteReader {
  readonly label: string;
  /** Of the next byte, from the start of the file. */
  readonly offset: number;
  /** Bytes that can be taken now. */
  readonly buffered: number;
  /** Bytes in the file, if known. */
  readonly size: number | undefined;
  /** Throws `model/corrupt` where the file ends before `count` more bytes. `what` names what they are. */
  ensure(count: number, what: string): Promise<void>;
  /** Throws `model/corrupt` unless `count` things of at least `least` bytes can still follow in a header. */
  expect(count: number, least: number, what: string): void;
  skip(count: number, what: string): Promise<void>;
  /** A view of the next bytes, valid until the next `ensure`. */
  take(count: number): Uint8Array<ArrayBuffer>;
  view(count: number): DataView<ArrayBuffer>;
  u32(): number;
  /** A u64; throws `model/corrupt` for one that no number holds exactly. */
  u64(what: string): number;
  text(count: number): string;
  corrupt(what: string): LonghandError;
  /** Reads what is left, so that the source sees all of its file asked for, and closes it. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** Short strings of plain ASCII, which most tokens are, are put together faster than a decoder starts. */
const SHORT = 24;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const decode = (bytes: Uint8Array): string => {
  if (bytes.length > SHORT) return decoder.decode(bytes);
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte > 127) return decoder.decode(bytes);
    text += String.fromCharCode(byte);
  }
  return text;
};

export const createByteReader = (source: Source, signal?: AbortSignal): ByteReader => {
  const pieces = source.pieces(signal);
  let chunk = new Uint8Array(0);
  let view = new DataView(chunk.buffer);
  let at = 0;
  let start = 0;
  let ended = false;

  const corrupt = (what: string): LonghandError =>
    new LonghandError(
      'model/corrupt',
      `${source.label} is not a usable GGUF file: ${what} (at byte ${start + at}). Convert or download it again.`,
      { source: source.label, offset: start + at },
    );
  const endOf = (what: string, count: number, end: number): LonghandError =>
    corrupt(`it ends at byte ${end}, within ${what}, which needs ${count} bytes`);

  const ensure = async (count: number, what: string): Promise<void> => {
    if (chunk.length - at >= count) return;
    const { size } = source;
    if (size !== undefined && start + at + count > size) throw endOf(what, count, size);
    const parts = [chunk.subarray(at)];
    let buffered = chunk.length - at;
    while (buffered < count && !ended) {
      const step = await pieces.next();
      if (step.done) ended = true;
      else {
        parts.push(step.value);
        buffered += step.value.length;
      }
    }
    if (buffered < count) throw endOf(what, count, start + at + buffered);
    const joined = parts[0]!.length === 0 && parts.length === 2 ? parts[1]! : new Uint8Array(buffered);
    if (joined !== parts[1]) {
      let to = 0;
      for (const part of parts) {
        joined.set(part, to);
        to += part.length;
      }
    }
    start += at;
    at = 0;
    chunk = joined;
    view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  };

  const u32 = (): number => view.getUint32((at += 4) - 4, true);
  const take = (count: number): Uint8Array<ArrayBuffer> => chunk.subarray(at, (at += count));
  return {
    label: source.label,
    get offset() {
      return start + at;
    },
    get buffered() {
      return chunk.length - at;
    },
    get size() {
      return source.size;
    },
    ensure,
    expect: (count, least, what) => {
      const room = Math.min(source.size ?? HEADER_LIMIT, HEADER_LIMIT) - start - at;
      if (count * least > room)
        throw corrupt(`it announces ${count} ${what}, but only ${room} bytes can follow`);
    },
    skip: async (count, what) => {
      for (let rest = count; rest > 0; ) {
        if (at === chunk.length) await ensure(1, what);
        const step = Math.min(rest, chunk.length - at);
        at += step;
        rest -= step;
      }
    },
    take,
    view: (count) => new DataView(chunk.buffer, chunk.byteOffset + at, (at += count) && count),
    u32,
    u64: (what) => {
      const low = u32();
      const value = u32() * 2 ** 32 + low;
      if (!Number.isSafeInteger(value)) throw corrupt(`${what} is ${value}, which is absurd`);
      return value;
    },
    text: (count) => decode(take(count)),
    corrupt,
    drain: async () => {
      at = chunk.length;
      while (!ended) ended = (await pieces.next()).done === true;
    },
    close: async () => {
      ended = true;
      await pieces.return();
    },
  };
};
