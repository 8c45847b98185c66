/** A key for `kv.encryption`, the same for the same seed. */
export const makeSecret = (seed: number): Promise<CryptoKey> =>
  crypto.subtle.importKey('raw', new Uint8Array(32).fill(seed), 'HKDF', false, ['deriveKey']);
