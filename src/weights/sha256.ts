import { sha256 } from '@noble/hashes/sha2';

/** A SHA-256 that is fed piece by piece. */
export interface Digest {
  add(bytes: Uint8Array): void;
  /** 64 hexadecimal digits; ends it. */
  hex(): string;
}

const toHex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export const createDigest = (): Digest => {
  const hash = sha256.create();
  return { add: (bytes) => void hash.update(bytes), hex: () => toHex(hash.digest()) };
};
