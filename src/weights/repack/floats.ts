/** Bits of the f32 equal to each f16. */
let halves: Uint32Array | undefined;
const halfTable = (): Uint32Array => {
  halves ??= Uint32Array.from({ length: 65_536 }, (_, half) => {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
    if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
    if (fraction === 0) return sign;
    // A subnormal f16 is fraction · 2⁻²⁴, which f32 holds normalised.
    const shift = Math.clz32(fraction) - 21;
    return sign | ((113 - shift) << 23) | (((fraction << shift) & 1023) << 13);
  });
  return halves;
};

/** 16-bit words of bytes at any address. */
export const words = (bytes: Uint8Array<ArrayBuffer>): Uint16Array =>
  bytes.byteOffset % 2 === 0
    ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
    : new Uint16Array(bytes.slice().buffer);

/** F16 or BF16 elements as the F32 they equal. */
export const widen = (type: 'F16' | 'BF16', bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  const from = words(bytes);
  const to = new Uint32Array(from.length);
  if (type === 'BF16') {
    for (let i = 0; i < from.length; i++) to[i] = from[i]! << 16;
  } else {
    const table = halfTable();
    for (let i = 0; i < from.length; i++) to[i] = table[from[i]!]!;
  }
  return new Uint8Array(to.buffer);
};
