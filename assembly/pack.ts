// Rows as a backend is given them (src/backends/row-formats.ts) into the packed layout of lib/layout.ts.
import {
  codeBytes, factorBytes, FACTORS, grain, grainBytes, headBytes, IQ4_NL, IQ4_XS, MINIMUMS, NIBBLES, Q2_K, Q3_K, Q4_0, Q4_1, Q4_K, Q5_1, Q5_K, Q6_K, Q8_0, tileBytes,
} from './lib/formats';
import { RUN, TILE } from './lib/layout';

/** An f16 to one of the 16 outputs of a tile; answers whether it is not finite. */
// @ts-ignore: decorator
@inline
function putHalf(to: usize, from: usize, output: usize): i32 {
  const half = load<u16>(from);
  store<u16>(to + output * 2, half);
  return i32((half & 0x7c00) == 0x7c00);
}

/** A run of codes; those of 8 bits plus 128 where the dot product takes them as unsigned. */
// @ts-ignore: decorator
@inline
function putRun(format: i32, to: usize, from: usize): void {
  if (!ASC_FEATURE_RELAXED_SIMD) store<u16>(to, load<u16>(from));
  else store<u32>(to, format & NIBBLES ? load<u32>(from) : load<u32>(from) ^ 0x80808080);
}

/** The codes of a grain of one output. */
// @ts-ignore: decorator
@inline
function putCodes(format: i32, to: usize, from: usize, output: usize): void {
  const half = grain(format) / 2;
  if (!ASC_FEATURE_RELAXED_SIMD && format & NIBBLES) {
    to += output * 2 * RUN;
    for (let i: usize = 0; i < half; i += 2 * RUN, to += 32 * RUN) {
      const two = load<u32>(from + i);
      store<u32>(to, (two & 0xff0000ff) | ((two >> 8) & 0xff00) | ((two << 8) & 0xff0000));
    }
    return;
  }
  to += output * RUN;
  for (let i: usize = 0; i < half; i += RUN) {
    putRun(format, to, from + i);
    to += 16 * RUN;
    if (format & NIBBLES) continue;
    putRun(format, to, from + half + i);
    to += 16 * RUN;
  }
}

/** rows (count, cols) into rows [row, row + count) of `packed`; answers how many scales are not finite. */
// @ts-ignore: decorator
@inline
function packRows(format: i32, packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  const stretch: usize = format & FACTORS ? 256 : grain(format);
  const grains = stretch / grain(format);
  let bad = 0;
  for (let r = row; r < row + count; ++r) {
    const output = r % TILE;
    let to = packed + (r / TILE) * tileBytes(format, cols);
    for (let left = cols; left > 0; left -= stretch) {
      // f16 factors or scales come first, then int8 scales and minimums, then codes.
      bad += putHalf(to, rows, output);
      rows += 2;
      if (format & MINIMUMS) {
        bad += putHalf(to + 32, rows, output);
        rows += 2;
      }
      to += factorBytes(format);
      let codes = rows;
      if (format & FACTORS) codes += format & MINIMUMS ? 2 * grains : grains;
      for (let g: usize = 0; g < grains; ++g) {
        if (format & FACTORS) {
          store<u8>(to + output, load<u8>(rows + g));
          if (format & MINIMUMS) store<u8>(to + 16 + output, load<u8>(rows + grains + g));
        }
        putCodes(format, to + headBytes(format), codes, output);
        codes += codeBytes(format);
        to += grainBytes(format);
      }
      rows = codes;
    }
  }
  return bad;
}

export function packQ8_0(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q8_0, packed, rows, row, count, cols);
}

export function packQ4_0(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q4_0, packed, rows, row, count, cols);
}

export function packQ4_1(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q4_1, packed, rows, row, count, cols);
}

export function packQ5_1(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q5_1, packed, rows, row, count, cols);
}

export function packQ2_K(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q2_K, packed, rows, row, count, cols);
}

export function packQ3_K(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q3_K, packed, rows, row, count, cols);
}

export function packQ4_K(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q4_K, packed, rows, row, count, cols);
}

export function packQ5_K(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q5_K, packed, rows, row, count, cols);
}

export function packQ6_K(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(Q6_K, packed, rows, row, count, cols);
}

export function packIQ4_NL(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(IQ4_NL, packed, rows, row, count, cols);
}

export function packIQ4_XS(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  return packRows(IQ4_XS, packed, rows, row, count, cols);
}

/** rows (count, cols) into rows [row, row + count) of `packed`. */
export function packF32(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  for (let r = row; r < row + count; ++r) {
    const to = packed + ((r / TILE) * TILE * cols + (r % TILE)) * 4;
    for (let k: usize = 0; k < cols; ++k) store<u32>(to + k * TILE * 4, load<u32>(rows + k * 4));
    rows += cols * 4;
  }
  return 0;
}

/** Infinities and NaN count as bad scales: the kernels take none. */
export function packF16(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  let bad = 0;
  for (let r = row; r < row + count; ++r) {
    const to = packed + (r / TILE) * TILE * cols * 2;
    for (let k: usize = 0; k < cols; ++k) bad += putHalf(to + k * TILE * 2, rows + k * 2, r % TILE);
    rows += cols * 2;
  }
  return bad;
}

/** rows (count, cols) into rows [row, row + count) of `packed`. */
export function packBF16(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  for (let r = row; r < row + count; ++r) {
    const to = packed + ((r / TILE) * TILE * cols + (r % TILE)) * 2;
    for (let k: usize = 0; k < cols; ++k) store<u16>(to + k * TILE * 2, load<u16>(rows + k * 2));
    rows += cols * 2;
  }
  return 0;
}
