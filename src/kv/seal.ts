import { digest } from './digest.js';

/**
 * The envelope of everything that is stored, the same for ever so that any version can tell damage from a format it
 * does not know. Little-endian: magic u32, version u32, total bytes u32, zero u32, body, zeros up to a multiple of 4,
 * digest of all that comes before (16 bytes).
 */

const HEADER = 16;
const DIGEST = 16;

/** Four ASCII characters as the u32 they are on disk. */
export const magic = (name: string): number =>
  new DataView(new TextEncoder().encode(name).buffer).getUint32(0, true);

/** Bytes of an envelope around a body. */
export const sealedBytes = (bodyBytes: number): number => HEADER + Math.ceil(bodyBytes / 4) * 4 + DIGEST;

/** `write` receives the body (`bodyBytes` zeros, at a multiple of 16 in its buffer) and fills it. */
export const seal = (
  name: number,
  version: number,
  bodyBytes: number,
  write: (body: Uint8Array<ArrayBuffer>) => void,
): Uint8Array<ArrayBuffer> => {
  const end = HEADER + Math.ceil(bodyBytes / 4) * 4;
  const bytes = new Uint8Array(end + DIGEST);
  new Uint32Array(bytes.buffer, 0, 3).set([name, version, bytes.length]);
  write(bytes.subarray(HEADER, HEADER + bodyBytes));
  bytes.set(new Uint8Array(digest(bytes.subarray(0, end)).buffer), end);
  return bytes;
};

/** The digest that an envelope ends with. A view. */
export const sealOf = (sealed: Uint8Array): Uint8Array => sealed.subarray(sealed.length - DIGEST);

const holds = (bytes: Uint8Array, end: number): boolean => {
  const kept = sealOf(bytes);
  return new Uint8Array(digest(bytes.subarray(0, end)).buffer).every((byte, i) => byte === kept[i]);
};

/** Whether bytes from anywhere end with the digest of what comes before: then what they hold is what was written. */
export const isWhole = (stored: Uint8Array): boolean =>
  stored.length >= HEADER + DIGEST && holds(stored, stored.length - DIGEST);

/** Envelopes that another thread found whole. */
const whole = new WeakSet<Uint8Array>();

/** `isWhole` was seen elsewhere to hold for these bytes, which nobody else has: `unseal` does not hash them again. */
export const trustWhole = (stored: Uint8Array): void => void whole.add(stored);

/** What an envelope holds; `fault` says in words what is wrong with it. */
export type Unsealed =
  | { readonly version: number; readonly body: Uint8Array; readonly fault?: undefined }
  | { readonly fault: string };

/**
 * Checks an envelope from anywhere. The body starts at a multiple of 4 in its buffer, keeps up to 3 zeros of padding
 * at its end, and is a view. The version is the caller's to judge. `known`: the digest of what was checked before in
 * this place: if these bytes end with the same, their content is not hashed again.
 */
export const unseal = (name: number, stored: Uint8Array, known?: Uint8Array): Unsealed => {
  const bytes = stored.byteOffset % 4 === 0 ? stored : stored.slice();
  const end = bytes.length - DIGEST;
  if (bytes.length % 4 !== 0 || end < HEADER) return { fault: `${bytes.length} bytes cannot be an envelope` };
  const [found, version, total] = new Uint32Array(bytes.buffer, bytes.byteOffset, 3) as unknown as number[];
  if (found !== name) return { fault: 'it does not start with its magic number' };
  if (total !== bytes.length) return { fault: `it should have ${total} bytes and has ${bytes.length}` };
  const kept = sealOf(bytes);
  const isKnown = whole.has(stored) || known?.every((byte, i) => byte === kept[i]);
  if (!isKnown && !holds(bytes, end)) return { fault: 'its checksum does not match' };
  return { version: version!, body: bytes.subarray(HEADER, end) };
};
