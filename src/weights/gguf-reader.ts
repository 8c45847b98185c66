import { throwIfAborted } from '../errors.js';
import { type ByteReader, createByteReader } from './byte-reader.js';
import { createMetadata, type Gguf, type Metadata, type TensorEntry } from './gguf.js';
import { readPairs } from './gguf-metadata.js';
import { readTensors } from './gguf-tensors.js';
import type { Source } from './source.js';

/** Bytes of whole rows handed out at once, unless a single row is longer. */
const PIECE = 1 << 20;
const MAX_ALIGNMENT = 1 << 20;
const DEFAULT_ALIGNMENT = 32;

/** Whole rows of one tensor as the file stores them. */
export interface RowPiece {
  readonly tensor: TensorEntry;
  /** The first of the rows. */
  readonly row: number;
  /** Valid until the next piece is asked for. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the file read so far, of `Gguf.bytes`. */
  readonly loaded: number;
}

/** A model file whose head has been read, and whose content can be read once. */
export interface GgufModel extends Gguf {
  /** Names the source in errors. */
  readonly label: string;
  /**
   * The content of all tensors, in file order, in pieces of about 1 MiB. Can be called once. Rejects with
   * `model/corrupt` where the file ends too early and with `model/unreachable` where it cannot be read on.
   */
  rows(signal?: AbortSignal): AsyncGenerator<RowPiece, void, void>;
  /** Stops reading. Only needed where `rows` is not called, or not to its end. */
  close(): Promise<void>;
}

const readVersion = async (bytes: ByteReader): Promise<number> => {
  await bytes.ensure(8, 'the magic number and version');
  const magic = bytes.text(4);
  if (magic !== 'GGUF') throw bytes.corrupt(`it starts with ${JSON.stringify(magic)}, not with "GGUF"`);
  const version = bytes.u32();
  if (version === 2 || version === 3) return version;
  if ((version & 0xffff) === 0) throw bytes.corrupt('it is big-endian; Longhand reads little-endian files');
  throw bytes.corrupt(`it has GGUF version ${version}; Longhand reads versions 2 and 3`);
};

const readAlignment = (bytes: ByteReader, metadata: Metadata): number => {
  const alignment = metadata.number('general.alignment', DEFAULT_ALIGNMENT);
  const power = Number.isInteger(alignment) && alignment > 0 && (alignment & (alignment - 1)) === 0;
  if (power && alignment <= MAX_ALIGNMENT) return alignment;
  throw bytes.corrupt(`general.alignment is ${alignment}, not a power of two up to ${MAX_ALIGNMENT}`);
};

async function* readRows(
  bytes: ByteReader,
  tensors: Iterable<TensorEntry>,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowPiece, void, void> {
  try {
    for (const tensor of tensors) {
      const what = `tensor "${tensor.name}"`;
      await bytes.skip(tensor.offset - bytes.offset, `the padding before ${what}`);
      const rowBytes = tensor.bytes / tensor.rows;
      const most = Math.max(1, Math.floor(PIECE / rowBytes));
      for (let row = 0; row < tensor.rows; ) {
        throwIfAborted(signal);
        await bytes.ensure(rowBytes, what);
        const count = Math.min(most, tensor.rows - row, Math.floor(bytes.buffered / rowBytes));
        const piece = bytes.take(count * rowBytes);
        yield { tensor, row, bytes: piece, loaded: bytes.offset };
        row += count;
      }
    }
    // A source tells only at its end whether the whole file was what it should be.
    await bytes.drain();
  } finally {
    await bytes.close();
  }
}

/**
 * Read the head of a GGUF file (version 2 or 3, little-endian) in one pass over its source; everything in it is
 * checked before it is believed. Rejects with `model/corrupt`, `model/unreachable`, `unsupported/tensor-type` (types
 * whose size is unknown), or as `signal` says, which also ends `rows`.
 */
export const openGguf = async (source: Source, signal?: AbortSignal): Promise<GgufModel> => {
  const bytes = createByteReader(source, signal);
  try {
    const version = await readVersion(bytes);
    await bytes.ensure(16, 'the counts');
    const tensorCount = bytes.u64('the number of tensors');
    const pairCount = bytes.u64('the number of metadata pairs');
    const metadata = createMetadata(await readPairs(bytes, pairCount), source.label);
    const tensors = await readTensors(bytes, tensorCount, readAlignment(bytes, metadata));
    const last = [...tensors.values()].at(-1);
    return {
      label: source.label,
      version,
      metadata,
      tensors,
      bytes: last ? last.offset + last.bytes : bytes.offset,
      rows: (rowSignal) => readRows(bytes, tensors.values(), rowSignal),
      close: () => bytes.close(),
    };
  } catch (cause) {
    await bytes.close();
    throw cause;
  }
};
