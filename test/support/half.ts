const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the f16 nearest to `value`, ties to even. */
export const toHalf = (value: number): number => {
  float[0] = value;
  const word = bits[0]!;
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    const steps = Math.fround(Math.abs(float[0]!)) * 2 ** 24;
    const below = Math.floor(steps);
    const rest = steps - below;
    return sign | (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
};

/** The number an f16 stands for, straight from the definition. */
export const fromHalf = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
};

/** Bits of the bf16 nearest to `value`, ties to even. */
export const toBrain = (value: number): number => {
  float[0] = value;
  const word = bits[0]!;
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 64;
  return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
};

export const fromBrain = (brain: number): number => {
  bits[0] = brain << 16;
  return float[0]!;
};
