/**
 * A 128-bit fingerprint of a stream: four lanes of xxHash32's round over u32 words, each lane bijective in its state
 * and in every word, so that changing one word always changes the result. Not made to resist an adversary; whoever
 * can forge a model can forge its answers too.
 */
export interface Fingerprint {
  add(bytes: Uint8Array): void;
  /** 32 hexadecimal digits; ends the stream. */
  digest(): string;
}

/** Bytes gathered before they are mixed: aligns the words, and makes the result independent of how bytes arrive. */
const BLOCK = 1 << 16;
const P1 = 0x9e3779b1;
const P2 = 0x85ebca77;
const P3 = 0xc2b2ae3d;

/** Spreads every bit over a word (MurmurHash3's finaliser); bijective. */
const spread = (word: number): number => {
  const a = Math.imul(word ^ (word >>> 16), P2);
  const b = Math.imul(a ^ (a >>> 13), P3);
  return (b ^ (b >>> 16)) >>> 0;
};

export const createFingerprint = (): Fingerprint => {
  const block = new Uint8Array(BLOCK);
  const words = new Uint32Array(block.buffer);
  const lanes = new Uint32Array([P1 + P2, P2, 0, -P1]);
  let filled = 0;
  let length = 0;

  const mix = (count: number): void => {
    let [a, b, c, d] = lanes as unknown as [number, number, number, number];
    for (let i = 0; i < count; i += 4) {
      a = (a + Math.imul(words[i]!, P2)) | 0;
      b = (b + Math.imul(words[i + 1]!, P2)) | 0;
      c = (c + Math.imul(words[i + 2]!, P2)) | 0;
      d = (d + Math.imul(words[i + 3]!, P2)) | 0;
      a = Math.imul((a << 13) | (a >>> 19), P1);
      b = Math.imul((b << 13) | (b >>> 19), P1);
      c = Math.imul((c << 13) | (c >>> 19), P1);
      d = Math.imul((d << 13) | (d >>> 19), P1);
    }
    lanes.set([a, b, c, d]);
  };

  return {
    add: (bytes) => {
      length += bytes.length;
      for (let at = 0; at < bytes.length; ) {
        const count = Math.min(bytes.length - at, BLOCK - filled);
        block.set(bytes.subarray(at, at + count), filled);
        at += count;
        filled += count;
        if (filled === BLOCK) {
          mix(BLOCK / 4);
          filled = 0;
        }
      }
    },
    digest: () => {
      block.fill(0, filled);
      mix(Math.ceil(filled / 16) * 4);
      const [a, b, c, d] = lanes as unknown as [number, number, number, number];
      // Each output takes one lane through a bijection, keyed by the lanes before it and the length.
      const one = spread(a ^ length);
      const two = spread(b ^ one ^ Math.floor(length / 2 ** 32));
      const three = spread(c ^ two);
      const four = spread(d ^ three);
      return [spread(one ^ four), two, three, four]
        .map((word) => word.toString(16).padStart(8, '0'))
        .join('');
    },
  };
};
