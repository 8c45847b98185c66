// Rows of a model file into the packed layout of lib/layout.ts.
import { Q4_BYTES, Q8_BYTES, RUN, RUNS, TILE } from './lib/layout';

// @ts-ignore: decorator
@inline
function notFinite(f16: u16): i32 {
  return i32((f16 & 0x7c00) == 0x7c00);
}

/** A run of Q8_0 codes: signed, or plus 128. */
// @ts-ignore: decorator
@inline
function putCodes(to: usize, from: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) store<u32>(to, load<u32>(from) ^ 0x80808080);
  else store<u16>(to, load<u16>(from));
}

/** rows (count, cols) into rows [row, row + count) of `packed`; answers how many scales are not finite. */
export function packQ8_0(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  const blocks = cols >>> 5;
  let bad = 0;
  for (let r = row; r < row + count; ++r) {
    const output = r % TILE;
    let block = packed + (r / TILE) * blocks * Q8_BYTES;
    for (let b: usize = 0; b < blocks; ++b) {
      const scale = load<u16>(rows);
      bad += notFinite(scale);
      store<u16>(block + output * 2, scale);
      for (let q: usize = 0; q < RUNS; ++q) {
        const to = block + 32 + q * 32 * RUN + output * RUN;
        putCodes(to, rows + 2 + q * RUN);
        putCodes(to + 16 * RUN, rows + 18 + q * RUN);
      }
      rows += 34;
      block += Q8_BYTES;
    }
  }
  return bad;
}

/** rows (count, cols) into rows [row, row + count) of `packed`; answers how many scales are not finite. */
export function packQ4_0(packed: usize, rows: usize, row: usize, count: usize, cols: usize): i32 {
  const blocks = cols >>> 5;
  let bad = 0;
  for (let r = row; r < row + count; ++r) {
    const output = r % TILE;
    let block = packed + (r / TILE) * blocks * Q4_BYTES;
    for (let b: usize = 0; b < blocks; ++b) {
      const scale = load<u16>(rows);
      bad += notFinite(scale);
      store<u16>(block + output * 2, scale);
      for (let q: usize = 0; q < RUNS; ++q) {
        const to = block + 32 + q * 16 * RUN + output * RUN;
        if (ASC_FEATURE_RELAXED_SIMD) store<u32>(to, load<u32>(rows + 2 + q * RUN));
        else store<u16>(to, load<u16>(rows + 2 + q * RUN));
      }
      rows += 18;
      block += Q4_BYTES;
    }
  }
  return bad;
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
