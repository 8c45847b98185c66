// Rows of a model file into the packed layout of lib/layout.ts.
import { Q4_BYTES, Q8_BYTES, TILE } from './lib/layout';

// @ts-ignore: decorator
@inline
function notFinite(f16: u16): i32 {
  return i32((f16 & 0x7c00) == 0x7c00);
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
      for (let s: usize = 0; s < 8; ++s) {
        const quad = load<u32>(rows + 2 + s * 4);
        if (ASC_FEATURE_RELAXED_SIMD) {
          store<u32>(block + 32 + s * 64 + output * 4, quad ^ 0x80808080);
        } else {
          store<u16>(block + 32 + s * 64 + output * 2, <u16>((quad & 0xff) | ((quad >>> 8) & 0xff00)));
          store<u16>(block + 64 + s * 64 + output * 2, <u16>(((quad >>> 8) & 0xff) | ((quad >>> 16) & 0xff00)));
        }
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
      for (let s: usize = 0; s < 4; ++s) {
        store<u32>(block + 32 + s * 64 + output * 4, load<u32>(rows + 2 + s * 4));
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
