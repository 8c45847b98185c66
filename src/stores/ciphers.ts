/** What an encrypted store does to bytes and to the parts of keys. */
export interface Ciphers {
  /** AES-GCM with a random nonce, for this key of the store only: elsewhere the same bytes do not open. */
  encrypt(key: string, bytes: Uint8Array): Promise<Uint8Array>;
  /** Rejects with the platform's `OperationError` where it was another key, another place, or other bytes. */
  decrypt(key: string, bytes: Uint8Array): Promise<Uint8Array>;
  /** The same name for the same part, and nobody else can tell which: letters that keys may have. */
  hide(part: string): Promise<string>;
  /** What `hide` made this name of; `undefined` where it did not. */
  show(hidden: string): Promise<string | undefined>;
}

/** Bytes that encryption adds: a nonce and a tag. */
export const ADDED_BYTES = 12 + 16;

/** Names that are remembered: computing one again costs two calls of the platform. */
const MOST_NAMES = 1 << 16;

const utf8 = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

const toText = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const fromText = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

/**
 * Keys of three kinds from one of HKDF's. Names of records are made as in SIV (RFC 5297 §2.6): an HMAC of the name is both
 * its proof and the counter it is encrypted with, so that equal names stay equal and can be read back with the key alone.
 */
export const createCiphers = async (secret: CryptoKey): Promise<Ciphers> => {
  const { subtle } = crypto;
  const derived = (info: string, algorithm: object, usages: KeyUsage[]): Promise<CryptoKey> =>
    subtle.deriveKey(
      { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: utf8.encode(`longhand ${info}`) },
      secret,
      algorithm as AesKeyAlgorithm,
      false,
      usages,
    );
  const [content, proof, names] = await Promise.all([
    derived('content', { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']),
    derived('proof', { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign']),
    derived('names', { name: 'AES-CTR', length: 256 }, ['encrypt', 'decrypt']),
  ]);
  const gcm = (key: string, iv: Uint8Array<ArrayBuffer>): AesGcmParams => ({
    ...{ name: 'AES-GCM', iv, additionalData: utf8.encode(key) },
  });
  const counted = (counter: Uint8Array<ArrayBuffer>): AesCtrParams => ({
    ...{ name: 'AES-CTR', counter, length: 64 },
  });
  const proofOf = async (part: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await subtle.sign('HMAC', proof, part), 0, 16);

  const hidden = new Map<string, string>();
  const shown = new Map<string, string>();
  const remember = (part: string, name: string): void => {
    if (hidden.size >= MOST_NAMES) {
      hidden.clear();
      shown.clear();
    }
    hidden.set(part, name);
    shown.set(name, part);
  };

  return {
    async encrypt(key, bytes) {
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const text = await subtle.encrypt(gcm(key, iv), content, bytes as Uint8Array<ArrayBuffer>);
      const out = new Uint8Array(iv.length + text.byteLength);
      out.set(iv);
      out.set(new Uint8Array(text), iv.length);
      return out;
    },

    async decrypt(key, bytes) {
      const iv = bytes.slice(0, 12);
      const text = bytes.subarray(12) as Uint8Array<ArrayBuffer>;
      return new Uint8Array(await subtle.decrypt(gcm(key, iv), content, text));
    },

    async hide(part) {
      const known = hidden.get(part);
      if (known !== undefined) return known;
      const bytes = utf8.encode(part);
      const counter = await proofOf(bytes);
      const text = new Uint8Array(await subtle.encrypt(counted(counter), names, bytes));
      const name = toText(Uint8Array.of(...counter, ...text));
      remember(part, name);
      return name;
    },

    async show(name) {
      const known = shown.get(name);
      if (known !== undefined) return known;
      try {
        const bytes = fromText(name);
        const counter = bytes.slice(0, 16);
        const part = new Uint8Array(await subtle.decrypt(counted(counter), names, bytes.subarray(16)));
        const proved = await proofOf(part);
        if (counter.length !== 16 || proved.some((byte, i) => byte !== counter[i])) return undefined;
        const text = decoder.decode(part);
        remember(text, name);
        return text;
      } catch {
        // A stranger's name: no base64, or no UTF-8.
        return undefined;
      }
    },
  };
};
