import { LonghandError } from '../errors.js';
import { magic, seal, unseal } from './seal.js';
import { openFileBytes } from './secret-file.js';

/**
 * A session in one file (docs/FORMAT.md): a table, the manifest, then run by run a head and its records, each in the
 * envelope it has in the store. The table, sealed too, has every part's length and the digest at the end of its
 * envelope: nothing can be swapped, cut off or replaced without being found. Chance is kept out by that, not malice.
 */

/** What the table says of a part. */
export interface PartMark {
  readonly bytes: number;
  /** The last four words of its envelope. */
  readonly digest: readonly number[];
}

export interface FileTable {
  readonly manifest: PartMark;
  /** By run: its head, then its records. */
  readonly runs: readonly (readonly PartMark[])[];
}

const FILE_VERSION = 1;
const MAGIC = magic('LHX1');
const ENVELOPE = 32;
const HEADER = 16;
const COUNTS = 2;
const MARK = 5;
/** No table is longer: 4 million tokens in runs of 256, with 256 records each, have 84 MB. */
const MOST_TABLE_BYTES = 128 * 1024 * 1024;
/** No part is longer: a manifest of 16 million tokens has 64 MB, a record a few hundred kilobytes. */
const MOST_PART_BYTES = 96 * 1024 * 1024;

/** What the table is to say of a sealed part. */
export const markOf = (part: Uint8Array): PartMark => ({
  bytes: part.length,
  digest: [...new Uint32Array(part.slice(-16).buffer)],
});

const words = ({ bytes, digest }: PartMark): number[] => [bytes, ...digest];

/** The bytes of a table. All runs have equally many parts. */
export const encodeTable = ({ manifest, runs }: FileTable): Uint8Array<ArrayBuffer> => {
  const marks = [manifest, ...runs.flat()].flatMap(words);
  return seal(MAGIC, FILE_VERSION, 4 * (COUNTS + marks.length), (body) => {
    const at = new Uint32Array(body.buffer, body.byteOffset, COUNTS + marks.length);
    at.set([runs.length, runs[0]?.length ?? 0]);
    at.set(marks, COUNTS);
  });
};

export const corruptFile = (fault: string): LonghandError =>
  new LonghandError(
    'storage/corrupt',
    `The file cannot be imported: ${fault}. Nothing was stored. Export the session again, or get the file again.`,
    { fault },
  );

const newerFile = (found: number): LonghandError =>
  new LonghandError(
    'storage/version',
    `The file was exported in format ${found}; this Longhand reads format ${FILE_VERSION}. Use a newer Longhand.`,
    { found, supported: FILE_VERSION },
  );

/** Reads parts of a file one after another. Nothing is allocated before its length was checked. */
export interface SessionFileReader {
  readonly table: FileTable;
  /** The next part, in the order of the table, as it was exported. Throws `storage/corrupt`. */
  next(mark: PartMark): Promise<Uint8Array>;
}

/**
 * `secret`: what it was encrypted with. Throws `storage/corrupt`, `storage/version` and `storage/key`; `input/type` for what
 * cannot be read at all.
 */
export const openSessionFile = async (blob: Blob, secret?: CryptoKey): Promise<SessionFileReader> => {
  const readBlob = async (from: number, to: number): Promise<Uint8Array> => {
    try {
      return new Uint8Array(await blob.slice(from, to).arrayBuffer());
    } catch (cause) {
      const found = cause instanceof Error ? cause.message : String(cause);
      throw new LonghandError(
        'input/type',
        `The file cannot be read: ${found}. Choose it again.`,
        {},
        { cause },
      );
    }
  };

  const file = await openFileBytes({ size: blob.size, read: readBlob }, secret);
  const { read } = file;
  if (file.size < HEADER + ENVELOPE) throw corruptFile(`${file.size} bytes cannot be a session`);
  const [found, version, tableBytes] = new Uint32Array(
    (await read(0, HEADER)).slice().buffer,
  ) as unknown as number[];
  if (found !== MAGIC) throw corruptFile('it is no session that Longhand exported');
  if (tableBytes! > Math.min(file.size, MOST_TABLE_BYTES)) throw corruptFile('it ends before its table does');
  const sealed = unseal(MAGIC, await read(0, tableBytes!));
  if (sealed.fault !== undefined) throw corruptFile(sealed.fault);
  if (version !== FILE_VERSION) throw newerFile(sealed.version);

  const { body } = sealed;
  const marks = new Uint32Array(body.buffer, body.byteOffset, body.length >>> 2);
  const [runs = 0, parts = 0] = marks;
  if (marks.length !== COUNTS + MARK * (1 + runs * parts) || (runs > 0 && parts < 2))
    throw corruptFile('its table does not add up');
  const mark = (n: number): PartMark => {
    const [bytes = 0, ...digest] = marks.subarray(COUNTS + n * MARK, COUNTS + (n + 1) * MARK);
    if (bytes < ENVELOPE || bytes > MOST_PART_BYTES) throw corruptFile(`it names a part of ${bytes} bytes`);
    return { bytes, digest };
  };
  const table: FileTable = {
    manifest: mark(0),
    runs: Array.from({ length: runs }, (_, run) =>
      Array.from({ length: parts }, (_, part) => mark(1 + run * parts + part)),
    ),
  };
  const total = [table.manifest, ...table.runs.flat()].reduce((sum, { bytes }) => sum + bytes, tableBytes!);
  if (total !== file.size) throw corruptFile(`its parts add up to ${total} bytes and it has ${file.size}`);

  let at = tableBytes!;
  return {
    table,
    async next(expected) {
      const part = await read(at, at + expected.bytes);
      at += expected.bytes;
      const { digest } = markOf(part);
      if (part.length !== expected.bytes || digest.some((word, n) => word !== expected.digest[n]))
        throw corruptFile('a part is not the one that its table names');
      return part;
    },
  };
};
