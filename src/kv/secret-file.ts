import { LonghandError } from '../errors.js';
import { magic } from './seal.js';

/**
 * A session's file that is encrypted (docs/FORMAT.md): a header, then its table and manifest as one piece, then every part of
 * every run as one. Each is AES-GCM under a key made for this file alone, its nonce the number of the piece: none can be read,
 * changed, moved or left out by who has not the secret it was made with.
 */
const MAGIC = magic('LHXE');
const VERSION = 1;
/** Magic, version, bytes of the first piece and pieces behind it, each a u32; then the salt. */
const HEADER = 48;
const TAG = 16;

/** Bytes of a file by their places in what it holds; those behind its first piece are read part by part, in order. */
export interface FileBytes {
  readonly size: number;
  /** May be fewer where the file ends. */
  read(from: number, to: number): Promise<Uint8Array>;
}

const keyOf = (secret: CryptoKey, salt: BufferSource): Promise<CryptoKey> =>
  crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt, info: new TextEncoder().encode('longhand session file') },
    secret,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );

const nonce = (piece: number): AesGcmParams => {
  const iv = new Uint8Array(12);
  new DataView(iv.buffer).setUint32(8, piece);
  return { name: 'AES-GCM', iv };
};

const wrongKey = (why: string): LonghandError =>
  new LonghandError('storage/key', `The file cannot be imported: ${why} Nothing was stored.`);

/** Encrypts the pieces of one file. */
export interface FileCipher {
  part(bytes: Uint8Array): Promise<ArrayBuffer>;
  /** What stands in front of all parts, once there are no more. */
  front(bytes: Uint8Array): Promise<BlobPart[]>;
}

export const createFileCipher = async (secret: CryptoKey): Promise<FileCipher> => {
  const salt = crypto.getRandomValues(new Uint8Array(32));
  const key = await keyOf(secret, salt);
  let parts = 0;
  const encrypt = (piece: number, bytes: Uint8Array): Promise<ArrayBuffer> =>
    crypto.subtle.encrypt(nonce(piece), key, bytes as Uint8Array<ArrayBuffer>);
  return {
    part: (bytes) => encrypt(++parts, bytes),
    async front(bytes) {
      const header = new Uint8Array(HEADER);
      new Uint32Array(header.buffer, 0, 4).set([MAGIC, VERSION, bytes.length, parts]);
      header.set(salt, 16);
      return [header, await encrypt(0, bytes)];
    },
  };
};

const openSecret = async (file: FileBytes, header: Uint8Array, secret: CryptoKey): Promise<FileBytes> => {
  const [, version = 0, front = 0, parts = 0] = new Uint32Array(header.slice(0, 16).buffer);
  if (version !== VERSION)
    throw new LonghandError(
      'storage/version',
      `The file was encrypted in format ${version}; this Longhand reads format ${VERSION}. Use a newer Longhand.`,
      { found: version, supported: VERSION },
    );
  const size = file.size - HEADER - TAG * (parts + 1);
  if (size < front) throw wrongKey('it ends before its first part does.');
  const key = await keyOf(secret, header.slice(16));
  const decrypt = async (piece: number, from: number, bytes: number): Promise<Uint8Array> => {
    const sealed = await file.read(from, from + bytes + TAG);
    const text = await crypto.subtle.decrypt(nonce(piece), key, sealed as Uint8Array<ArrayBuffer>);
    return new Uint8Array(text);
  };
  const first = await decrypt(0, HEADER, front).catch(() => {
    throw wrongKey('it was encrypted with another key, or is damaged.');
  });
  let piece = 0;
  return {
    size,
    async read(from, to) {
      if (to <= front) return first.slice(from, to);
      piece += 1;
      return decrypt(piece, HEADER + from + TAG * piece, to - from).catch(() => new Uint8Array(0));
    },
  };
};

/** The bytes of an exported session, decrypted where it is encrypted. Errors: `storage/key`, `storage/version`. */
export const openFileBytes = async (file: FileBytes, secret: CryptoKey | undefined): Promise<FileBytes> => {
  const header = await file.read(0, HEADER);
  const isSecret = header.length === HEADER && new Uint32Array(header.slice(0, 4).buffer)[0] === MAGIC;
  if (isSecret && secret) return openSecret(file, header, secret);
  if (isSecret) throw wrongKey('it is encrypted. Give the key it was exported with, as `encryption`.');
  if (secret) throw wrongKey('it is not encrypted. Leave `encryption` out if you trust it all the same.');
  return file;
};
