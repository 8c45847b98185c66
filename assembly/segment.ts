// Contrast of the gaps between tokens: where the keys left and right of a gap point in different directions.
import { PAGE, decodeBlock } from './lib/page';

/** dot, |left|², |right|² of every gap of a window, f64. */
const SUMS: i32 = 3 * 8;

/**
 * out (PAGE) f32: contrast of the gaps of page `page`'s window, gap i between tokens g − 1 and g with
 * g = 64 · page − window + i; −1 where fewer than `window` tokens lie left of it.
 *
 *   contrast(g) = 1 − cos(mean of keys [g − w, g), mean of keys [g, g + w)), all KV heads concatenated
 *
 * in steps of 2⁻¹⁶, so that how sums are rounded does not order equal gaps. Keys are read as stored: a rotation does
 * not change the cosine. `table`: u32 page addresses; a page holds `heads` KV heads every `headBytes`.
 * scratch: PAGE · 24 + (PAGE + 2 · window) · dim · 4 bytes. window ≤ 32.
 */
export function contrast(
  out: usize, table: usize, page: i32, window: i32, heads: i32, headBytes: i32, codec: i32, dim: i32, scratch: usize,
): void {
  const keys = scratch + PAGE * SUMS;
  const row = <usize>dim << 2;
  const before = window << 1;
  const first = page == 0 ? before : 0;
  memory.fill(scratch, 0, PAGE * SUMS);

  for (let head = 0; head < heads; head++) {
    const headAt = <usize>(head * headBytes);
    if (page > 0) {
      const left = <usize>load<u32>(table + (<usize>(page - 1) << 2)) + headAt;
      decodeBlock(keys, left, codec, dim, PAGE - before, before);
    }
    const block = <usize>load<u32>(table + (<usize>page << 2)) + headAt;
    decodeBlock(keys + <usize>before * row, block, codec, dim, 0, PAGE);
    for (let gap = first; gap < PAGE; gap++) {
      addGap(scratch + <usize>(gap * SUMS), keys + <usize>gap * row, <usize>window * row, row);
    }
  }

  for (let gap = 0; gap < PAGE; gap++, out += 4) {
    const sums = scratch + <usize>(gap * SUMS);
    const norm = sqrt(load<f64>(sums, 8) * load<f64>(sums, 16));
    const value = norm > 0 ? nearest((1 - load<f64>(sums) / norm) * 65536) / 65536 : 0;
    store<f32>(out, gap < first ? -1 : <f32>max(value, 0));
  }
}

/** Adds one head's share of a gap whose left keys start at `left`; each side has `side` bytes of rows. */
// @ts-ignore: decorator
@inline
function addGap(sums: usize, left: usize, side: usize, row: usize): void {
  let dots = f32x4.splat(0);
  let lefts = f32x4.splat(0);
  let rights = f32x4.splat(0);
  for (let at = left; at < left + row; at += 16) {
    let l = f32x4.splat(0);
    let r = f32x4.splat(0);
    for (let p = at; p < at + side; p += row) {
      l = f32x4.add(l, v128.load(p));
      r = f32x4.add(r, v128.load(p + side));
    }
    dots = f32x4.add(dots, f32x4.mul(l, r));
    lefts = f32x4.add(lefts, f32x4.mul(l, l));
    rights = f32x4.add(rights, f32x4.mul(r, r));
  }
  store<f64>(sums, load<f64>(sums) + lanes(dots));
  store<f64>(sums, load<f64>(sums, 8) + lanes(lefts), 8);
  store<f64>(sums, load<f64>(sums, 16) + lanes(rights), 16);
}

// @ts-ignore: decorator
@inline
function lanes(x: v128): f64 {
  return (
    <f64>f32x4.extract_lane(x, 0) + <f64>f32x4.extract_lane(x, 1) +
    (<f64>f32x4.extract_lane(x, 2) + <f64>f32x4.extract_lane(x, 3))
  );
}
