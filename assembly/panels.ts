// Activations in the order in which the tiles of a matmul read them (lib/layout.ts), quantised where weights are.
import { GROUP, PANEL_BLOCK, PANEL_HEAD, RUN } from './lib/layout';

/** Bytes of the panels of x (rows, cols): those of `panelsF32` or of `panelsQ8`. */
export function panelBytes(isFloat: bool, rows: usize, cols: usize): usize {
  return isFloat ? rows * cols * 4 : rows * (cols >>> 5) * PANEL_BLOCK;
}

/** Adding it to |x| < 2²² rounds x to the nearest integer, ties to even, which then stands in the low bits of the sum. */
const ROUND: f32 = 12582912;

/** Greatest of the bits of |x| of 32 values, in each lane those of a quarter. As integers NaN is above infinity. */
// @ts-ignore: decorator
@inline
function greatest32(x: usize): v128 {
  const magnitude = i32x4.splat(0x7fffffff);
  let greatest = v128.and(v128.load(x), magnitude);
  for (let i: usize = 16; i < 128; i += 16) {
    greatest = i32x4.max_s(greatest, v128.and(v128.load(x + i), magnitude));
  }
  return greatest;
}

/** Greatest lane of each of four vectors. */
// @ts-ignore: decorator
@inline
function greatest4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.max_s(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.max_s(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.max_s(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

/** Where greatest values, as bits, are ordinary: 2⁻¹²⁰ or more, so that 127 / greatest is finite, and no NaN or infinity. */
// @ts-ignore: decorator
@inline
function ordinary(greatest: v128): v128 {
  return v128.and(
    i32x4.ge_s(greatest, i32x4.splat(0x03800000)), i32x4.lt_s(greatest, i32x4.splat(0x7f800000)),
  );
}

// @ts-ignore: decorator
@inline
function codes4(x: usize, inverse: v128): v128 {
  const sum = f32x4.add(f32x4.mul(v128.load(x), inverse), f32x4.splat(ROUND));
  return i32x4.sub(sum, i32x4.splat(0x4b400000));
}

/** Codes of 16 bits of which only those of `kept` count: their sum is taken from `left`. */
// @ts-ignore: decorator
@inline
function put8(to: usize, codes: v128, kept: v128, left: v128): v128 {
  codes = v128.and(codes, kept);
  v128.store(to, codes);
  return i32x4.sub(left, i32x4.dot_i16x8_s(codes, i16x8.splat(1)));
}

/**
 * The four inputs of each of a, b, c and d as codes, those of lane i counting where that lane of `kept` says so; their sum
 * is taken from a lane of `left`. In a group the vectors are four rows, and so are the lanes. Otherwise they are of one
 * row, a and c from the first half of its block and b and d from the second, and so are the lanes.
 */
// @ts-ignore: decorator
@inline
function put16(isGroup: bool, to: usize, a: v128, b: v128, c: v128, d: v128, kept: v128, left: v128): v128 {
  const ab = i16x8.narrow_i32x4_s(a, b), cd = i16x8.narrow_i32x4_s(c, d);
  if (ASC_FEATURE_RELAXED_SIMD) {
    const codes = v128.and(i8x16.narrow_i16x8_s(ab, cd), kept);
    v128.store(to, codes);
    return i32x4.sub(left, i32x4.relaxed_dot_i8x16_i7x16_add_s(codes, i8x16.splat(1), i32x4.splat(0)));
  }
  if (isGroup) {
    left = put8(to, v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), kept, left);
    return put8(to + 32, v128.shuffle<i32>(ab, cd, 1, 3, 5, 7), kept, left);
  }
  left = put8(to, v128.shuffle<i32>(ab, ab, 0, 2, 1, 3), kept, left);
  return put8(to + 16, v128.shuffle<i32>(cd, cd, 0, 2, 1, 3), kept, left);
}

/** A block of four rows, `stride` bytes apart. */
function quantizeGroup(block: usize, x: usize, stride: usize): void {
  const y = x + stride, z = y + stride, u = z + stride;
  const greatest = greatest4(greatest32(x), greatest32(y), greatest32(z), greatest32(u));
  const kept = ordinary(greatest);
  const inverse = f32x4.div(f32x4.splat(127), greatest);
  const i = v128.shuffle<i32>(inverse, inverse, 0, 0, 0, 0), j = v128.shuffle<i32>(inverse, inverse, 1, 1, 1, 1);
  const k = v128.shuffle<i32>(inverse, inverse, 2, 2, 2, 2), l = v128.shuffle<i32>(inverse, inverse, 3, 3, 3, 3);
  let first = i32x4.splat(0), last = first;
  let to = block + 4 * PANEL_HEAD;
  for (let at: usize = 0; at < 64; at += 16) {
    first = put16(
      true, to, codes4(x + at, i), codes4(y + at, j), codes4(z + at, k), codes4(u + at, l), kept, first,
    );
    const on = at + 64;
    last = put16(
      true, to + 16, codes4(x + on, i), codes4(y + on, j), codes4(z + on, k), codes4(u + on, l), kept, last,
    );
    to += 128 / RUN;
  }
  v128.store(block, i32x4.add(first, last));
  v128.store(block + 16, first);
  v128.store(block + 32, last);
  v128.store(block + 48, f32x4.div(greatest, f32x4.splat(127)));
}

/** A block of a row by itself. */
function quantizeRow(block: usize, x: usize): void {
  const greatest = greatest32(x);
  const most = greatest4(greatest, greatest, greatest, greatest);
  const all = i32x4.max_s(most, v128.shuffle<i32>(most, most, 2, 3, 0, 1));
  const kept = ordinary(all);
  const inverse = f32x4.div(f32x4.splat(127), all);
  let left = i32x4.splat(0);
  let to = block + PANEL_HEAD;
  for (let at = x; at < x + 64; at += 32) {
    left = put16(
      false, to, codes4(at, inverse), codes4(at + 64, inverse), codes4(at + 16, inverse),
      codes4(at + 80, inverse), kept, left,
    );
    to += 64 / RUN;
  }
  left = i32x4.add(left, v128.shuffle<i32>(left, left, 2, 3, 0, 1));
  // First and last half in lanes 0 and 1; their sum comes before them.
  const sum = i32x4.add(left, v128.shuffle<i32>(left, left, 1, 0, 3, 2));
  const head = v128.shuffle<i32>(sum, left, 0, 4, 5, 5);
  const scale = f32x4.div(all, f32x4.splat(127));
  v128.store(block, v128.shuffle<i32>(head, scale, 0, 1, 2, 4));
}

/**
 * Panels of x (rows, cols) for quantised weights of any format. A block of 32 values becomes int8 codes with
 * scale = max|x| / 127: code = x · (127 / max|x|), rounded; all 0 where max|x| < 2⁻¹²⁰. Where it is NaN or infinite the
 * codes are 0 too, and the scale spoils the row.
 */
export function panelsQ8(panels: usize, x: usize, rows: usize, cols: usize): void {
  const stride = cols * 4;
  let left = rows;
  for (; left >= GROUP; left -= GROUP) {
    for (const end = x + stride; x < end; x += 128) {
      quantizeGroup(panels, x, stride);
      panels += GROUP * PANEL_BLOCK;
    }
    x += (GROUP - 1) * stride;
  }
  for (const end = x + left * stride; x < end; x += 128) {
    quantizeRow(panels, x);
    panels += PANEL_BLOCK;
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
