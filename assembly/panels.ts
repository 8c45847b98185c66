// Activations in the order in which the tiles of a matmul read them (lib/layout.ts), quantised where weights are.
import { GROUP, PANEL_BLOCK, PANEL_HEAD, RUN } from './lib/layout';

/** Bytes of the panels of x (rows, cols): those of `panelsF32` or of `panelsQ8`. */
export function panelBytes(isFloat: bool, rows: usize, cols: usize): usize {
  return isFloat ? rows * cols * 4 : rows * (cols >>> 5) * PANEL_BLOCK;
}

// @ts-ignore: decorator
@inline
function codes4(x: v128, scale: v128): v128 {
  const rounded = f32x4.nearest(f32x4.div(x, scale));
  // Of 0 / 0 and of NaN the saturating conversion makes 0.
  return i32x4.trunc_sat_f32x4_s(f32x4.max(f32x4.min(rounded, f32x4.splat(127)), f32x4.splat(-127)));
}

/** 32 values as codes of int8 with scale = max|x| / 127; NaN and infinity end up in the scale. Row r of a group of g. */
function quantizeBlock(block: usize, x: usize, r: usize, g: usize): void {
  let greatest = f32x4.abs(v128.load(x));
  for (let i: usize = 16; i < 128; i += 16) greatest = f32x4.max(greatest, f32x4.abs(v128.load(x + i)));
  greatest = f32x4.max(greatest, v128.shuffle<f32>(greatest, greatest, 2, 3, 0, 1));
  greatest = f32x4.max(greatest, v128.shuffle<f32>(greatest, greatest, 1, 0, 3, 2));
  const scale = f32x4.div(greatest, f32x4.splat(127));

  let sum = 0;
  let half = i32x4.splat(0);
  for (let i: usize = 0; i < 32; i += 4) {
    const codes = codes4(v128.load(x + i * 4), scale);
    half = i32x4.sub(half, codes);
    const narrow = i16x8.narrow_i32x4_s(codes, codes);
    const step: usize = (((i & 15) / RUN) << 1) + (i >>> 4);
    const to = block + g * PANEL_HEAD + (step * g + r) * 4;
    if (ASC_FEATURE_RELAXED_SIMD) {
      v128.store_lane<u32>(to, i8x16.narrow_i16x8_s(narrow, narrow), 0);
    } else {
      v128.store_lane<u32>(to, narrow, 0);
      v128.store_lane<u32>(to + g * 8, narrow, 1);
    }
    if ((i & 15) < 12) continue;
    half = i32x4.add(half, v128.shuffle<i32>(half, half, 2, 3, 0, 1));
    const negated = i32x4.extract_lane(half, 0) + i32x4.extract_lane(half, 1);
    store<i32>(block + ((i < 16 ? 1 : 2) * g + r) * 4, negated);
    sum += negated;
    half = i32x4.splat(0);
  }
  store<i32>(block + r * 4, sum);
  store<f32>(block + (3 * g + r) * 4, f32x4.extract_lane(scale, 0));
}

/** Panels of x (rows, cols) for quantised weights of any format. */
export function panelsQ8(panels: usize, x: usize, rows: usize, cols: usize): void {
  const blocks = cols >>> 5;
  const grouped = rows - (rows % GROUP);
  for (let row: usize = 0; row < rows; ++row) {
    const g: usize = row < grouped ? GROUP : 1;
    const r = row < grouped ? row % GROUP : 0;
    let block = panels + (row - r) * blocks * PANEL_BLOCK;
    for (let b: usize = 0; b < blocks; ++b) {
      quantizeBlock(block, x, r, g);
      block += g * PANEL_BLOCK;
      x += 128;
    }
  }
}

/** Panels of x (rows, cols) for F32, F16 and BF16 weights. */
export function panelsF32(panels: usize, x: usize, rows: usize, cols: usize): void {
  const grouped = rows - (rows % GROUP);
  for (let row: usize = 0; row < rows; ++row) {
    const g: usize = row < grouped ? GROUP : 1;
    const r = row < grouped ? row % GROUP : 0;
    const to = panels + ((row - r) * cols + r) * 4;
    for (let k: usize = 0; k < cols; ++k) store<u32>(to + k * g * 4, load<u32>(x + k * 4));
    x += cols * 4;
  }
}
