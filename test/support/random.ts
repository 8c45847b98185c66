/** Seeded random numbers (mulberry32): the same seed gives the same test on every machine. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, limit). */
  below(limit: number): number;
  /** In [low, high). */
  uniform(low: number, high: number): number;
  /** Mean 0, deviation 1. */
  normal(): number;
  uniforms(count: number, low: number, high: number): Float32Array<ArrayBuffer>;
  normals(count: number, deviation?: number): Float32Array<ArrayBuffer>;
  bytes(count: number): Uint8Array<ArrayBuffer>;
}

export const random = (seed: number): Random => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const uniform = (low: number, high: number): number => low + (high - low) * next();
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    below,
    uniform,
    normal,
    uniforms: (count, low, high) => new Float32Array(count).map(() => uniform(low, high)),
    normals: (count, deviation = 1) => new Float32Array(count).map(() => normal() * deviation),
    bytes: (count) => new Uint8Array(count).map(() => below(256)),
  };
};
