const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Largest finite f16. */
export const HALF_MAX = 65504;

/** Value of the f16 whose bits are `half`. */
export const fromHalf = (half: number): number => {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
};

/** Bits of the f16 nearest to the f32 `value`, ties to even; beyond the largest finite one, infinity. */
export const toHalf = (value: number): number => {
  float[0] = value;
  const word = bits[0]!;
  const sign = (word >>> 16) & 0x8000;
  const rest = word & 0x7fffffff;
  if (rest > 0x7f800000) return sign | 0x7e00;
  if (rest >= 0x477ff000) return sign | 0x7c00;
  if (rest < 0x38800000) return sign | roundEven(Math.abs(float[0]!) * 2 ** 24);
  return sign | ((rest + 0xfff + ((rest >>> 13) & 1) - (112 << 23)) >>> 13);
};

/** Nearest integer, ties to even: what `f32x4.nearest` does. */
export const roundEven = (value: number): number => {
  const below = Math.floor(value);
  const over = value - below;
  return over > 0.5 || (over === 0.5 && below % 2 !== 0) ? below + 1 : below;
};

/** What codecs do with numbers they cannot store: NaN becomes 0, anything beyond ±limit becomes ±limit. */
export const tame = (value: number, limit: number): number =>
  Number.isNaN(value) ? 0 : Math.max(-limit, Math.min(limit, value));
