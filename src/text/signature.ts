/** Collects strings in order; not for secrets. */
export interface Hash {
  add(part: string): void;
  /** 16 hexadecimal digits. */
  digest(): string;
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

const finish = (value: number): number => {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
};

/**
 * A 64-bit hash of a list of strings (two multiplicative lanes over UTF-16 units, finished as in MurmurHash3). The
 * length of each part goes in, so that parts cannot flow into one another.
 */
export const createHash = (): Hash => {
  let low = 0x9e3779b9;
  let high = 0x41c6ce57;
  const mix = (unit: number): void => {
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x5bd1e995);
    high ^= high >>> 15;
  };
  return {
    add(part) {
      mix(part.length);
      for (let i = 0; i < part.length; i++) mix(part.charCodeAt(i));
    },
    digest: () => hex(finish(low)) + hex(finish(high ^ low)),
  };
};
