import type { WeightType } from '../backends/backend.js';
import type { SupportedType } from './tensor-types.js';

/** How a backend is given tensors of a stored type. Every step is exact: nothing is rounded. */
export const weightType = (type: SupportedType): WeightType =>
  type === 'F16' || type === 'BF16' ? 'F32' : type;

const words = (bytes: Uint8Array<ArrayBuffer>): Uint16Array =>
  bytes.byteOffset % 2 === 0
    ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1)
    : new Uint16Array(bytes.slice().buffer);

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

/** Whole rows as stored, as whole rows of `weightType(type)`: F16 and BF16 widened to F32, all others untouched. */
export const repack = (type: SupportedType, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  if (type !== 'F16' && type !== 'BF16') return bytes;
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

/** Elements per stored exponent, its bytes' distance, and its mask in the u16 that holds it at `at`. */
const EXPONENTS: Readonly<
  Record<SupportedType, readonly [elements: number, step: number, at: number, mask: number]>
> = {
  F32: [1, 4, 2, 0x7f80],
  F16: [1, 2, 0, 0x7c00],
  BF16: [1, 2, 0, 0x7f80],
  Q8_0: [32, 34, 0, 0x7c00],
  Q4_0: [32, 18, 0, 0x7c00],
};

/** Index of the first element of stored rows that is (or whose block's scale is) infinite or no number, or −1. */
export const findNonFinite = (type: SupportedType, bytes: Uint8Array<ArrayBuffer>): number => {
  const [elements, step, at, mask] = EXPONENTS[type];
  const from = words(bytes);
  for (let i = at >> 1; i < from.length; i += step >> 1) {
    if ((from[i]! & mask) === mask) return Math.floor((2 * i) / step) * elements;
  }
  return -1;
};
