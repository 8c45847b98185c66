// Weights as the numbers that dot products of the plain build take: i16, eight to a vector. Unpacked once, a tile meets all
// groups of rows; its vectors come in the order in which `quantisedGroup` needs them. The relaxed build multiplies bytes,
// and unpacks nothing.
import { quarter } from './codes';
import { factorBytes, FACTORS, grain, grainBytes, headBytes, NIBBLES } from './formats';
import { RUN } from './layout';

/** Bytes of vectors v and v + 1 of a tile of k inputs, unpacked. */
// @ts-ignore: decorator
@inline
export function unpackedBytes(k: usize): usize {
  return ASC_FEATURE_RELAXED_SIMD ? 0 : k * 16;
}

/** Vectors v and v + 1 of the tile at w to `to`: by pairs of runs, for both vectors the first half, then the second. */
// @ts-ignore: decorator
@inline
export function unpack(format: i32, to: usize, w: usize, v: usize, k: usize): void {
  for (let done: usize = 0; done < k; done += grain(format)) {
    if (format & FACTORS && (done & 255) == 0) w += factorBytes(format);
    let codes = w + headBytes(format) + v * (format & NIBBLES ? 16 : 4 * RUN);
    w += grainBytes(format);
    if (format & NIBBLES) {
      for (const end = to + grain(format) * 16; to < end; to += 128, codes += 64) {
        const a = v128.load(codes), b = v128.load(codes, 16);
        v128.store(to, quarter(format, a, 0));
        v128.store(to, quarter(format, b, 0), 16);
        v128.store(to, quarter(format, a, 1), 32);
        v128.store(to, quarter(format, b, 1), 48);
        v128.store(to, quarter(format, a, 2), 64);
        v128.store(to, quarter(format, b, 2), 80);
        v128.store(to, quarter(format, a, 3), 96);
        v128.store(to, quarter(format, b, 3), 112);
      }
    } else {
      for (const end = to + grain(format) * 16; to < end; to += 64, codes += 32 * RUN) {
        v128.store(to, v128.load_ext<i8>(codes));
        v128.store(to, v128.load_ext<i8>(codes + 4 * RUN), 16);
        v128.store(to, v128.load_ext<i8>(codes + 16 * RUN), 32);
        v128.store(to, v128.load_ext<i8>(codes + 20 * RUN), 48);
      }
    }
  }
}
