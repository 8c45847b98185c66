// How interesting a chunk is, from its summary alone: means (DHSA) or bounds (Quest).
import { halves4 } from './lib/halves';
import { exponentials } from './lib/softmax';
import { quantizeQuery, sums4 } from './lib/query';

const SUB_BLOCK: i32 = 16;
const SUB_BLOCKS: i32 = 4;

/** out (cols) f32 = mean of `rows` rows of q, `stride` bytes apart, added in ascending order. cols % 4 = 0. */
export function meanRows(out: usize, q: usize, rows: i32, stride: i32, cols: i32): void {
  const end = out + (<usize>cols << 2);
  const count = f32x4.splat(<f32>rows);
  for (; out < end; out += 16, q += 16) {
    let sum = v128.load(q);
    for (let row = 1; row < rows; row++) sum = f32x4.add(sum, v128.load(q + <usize>(row * stride)));
    v128.store(out, f32x4.div(sum, count));
  }
}

/**
 * scores (n) f32 [+]= Σ over `heads` consecutive query heads of softmax_c(scale · q_h · mean_c). One KV head: its
 * means are f16 (dim) every `stride` bytes. q: (heads, dim) f32. `more`: add to the scores instead of setting them.
 * scratch: (heads · (n + 3) + dim) · 4 bytes.
 */
export function scoreMeans(
  scores: usize, q: usize, heads: i32, means: usize, n: i32, stride: i32, dim: i32, scale: f32, more: i32,
  scratch: usize,
): void {
  const row = <usize>((n + 3) & -4) << 2;
  const logits = scratch;
  const mean = scratch + <usize>heads * row;
  for (let chunk = 0; chunk < n; chunk++, means += stride) {
    for (let channel: usize = 0; channel < <usize>dim; channel += 4) {
      v128.store(mean + (channel << 2), halves4(means + (channel << 1)));
    }
    for (let head = 0; head < heads; head++) {
      const at = logits + <usize>head * row + (<usize>chunk << 2);
      store<f32>(at, scale * dot(q + (<usize>(head * dim) << 2), mean, dim));
    }
  }
  addSoftmax(scores, logits, heads, n, more);
}

/** scores (n) [+]= Σ over heads of the softmax of a row of logits, rows of n rounded up to four. */
// @ts-ignore: decorator
@inline
function addSoftmax(scores: usize, logits: usize, heads: i32, n: i32, more: i32): void {
  const row = <usize>((n + 3) & -4) << 2;
  for (let head = 0; head < heads; head++, logits += row) {
    const share = f32x4.splat(1 / exponentials(logits, n));
    for (let at: usize = 0; at < row; at += 16) {
      const mass = f32x4.mul(v128.load(logits + at), share);
      v128.store(scores + at, more || head > 0 ? f32x4.add(v128.load(scores + at), mass) : mass);
    }
  }
}

// @ts-ignore: decorator
@inline
function dot(a: usize, b: usize, dim: i32): f32 {
  const end = a + (<usize>dim << 2);
  let sum = f32x4.splat(0);
  for (; a < end; a += 16, b += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(a), v128.load(b)));
  return (
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) +
    (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
  );
}

/**
 * scores (n) [+]= Σ over `heads` consecutive query heads of softmax_c(logit_c) with
 *
 *   logit_c = scale · max over rows and over the sub-blocks that overlap chunk c of Σ_i max(q_i·min_i, q_i·max_i)
 *
 * Queries meet the int8 bounds as i16 (absmax / 8191). q: `rows` rows every `rowStride` bytes, each (heads, dim) f32.
 * bounds: one KV head's share of page 0, further pages every `pageStride` bytes. boundaries: u32.
 * scratch: heads · (n + 3) · 4 + pages · 16 + dim · 3 bytes, with pages = those that the n chunks reach into.
 */
export function scoreBounds(
  scores: usize, q: usize, rows: i32, rowStride: i32, heads: i32, bounds: usize, pageStride: i32, boundaries: usize,
  n: i32, dim: i32, scale: f32, more: i32, scratch: usize,
): void {
  if (n == 0) return;
  const row = <usize>((n + 3) & -4) << 2;
  const pages = (<i32>load<u32>(boundaries + (<usize>n << 2)) + 63) >> 6;
  const subs = scratch + <usize>heads * row;
  const query = subs + (<usize>pages << 4);
  for (let head = 0; head < heads; head++) {
    for (let r = 0; r < rows; r++) {
      const from = q + <usize>(r * rowStride) + (<usize>(head * dim) << 2);
      const step = quantizeQuery(query, from, dim);
      signs(query + (<usize>dim << 1), query, dim);
      subBlockLogits(subs, query, bounds, pages, pageStride, dim, scale * step, r);
    }
    chunkMaxima(scratch + <usize>head * row, subs, boundaries, n);
  }
  addSoftmax(scores, scratch, heads, n, more);
}

/** out (dim) i8 = −1 where the query is negative, else 0. */
// @ts-ignore: decorator
@inline
function signs(out: usize, query: usize, dim: i32): void {
  for (const end = out + <usize>dim; out < end; out += 16, query += 32) {
    const narrow = i8x16.narrow_i16x8_s(v128.load(query), v128.load(query, 16));
    v128.store(out, i8x16.lt_s(narrow, i8x16.splat(0)));
  }
}

/** subs (pages · SUB_BLOCKS) f32 = factor · bound, or where `more` the greater of it and what is there. */
function subBlockLogits(
  subs: usize, query: usize, bounds: usize, pages: i32, pageStride: i32, dim: i32, factor: f32, more: i32,
): void {
  const pair = <usize>dim << 1;
  for (let page = 0; page < pages; page++, bounds += pageStride, subs += 16) {
    const sums = sums4(
      bound(query, bounds, dim), bound(query, bounds + pair, dim),
      bound(query, bounds + 2 * pair, dim), bound(query, bounds + 3 * pair, dim),
    );
    const scales = f32x4.mul(halves4(bounds + <usize>SUB_BLOCKS * pair), f32x4.splat(factor));
    const logits = f32x4.mul(f32x4.convert_i32x4_s(sums), scales);
    v128.store(subs, more ? f32x4.max(logits, v128.load(subs)) : logits);
  }
}

/** Four partial sums of Σ q_i · (q_i < 0 ? minimum_i : maximum_i). */
// @ts-ignore: decorator
@inline
function bound(query: usize, codes: usize, dim: i32): v128 {
  const negative = query + (<usize>dim << 1);
  let sum = i32x4.splat(0);
  for (let channel: usize = 0; channel < <usize>dim; channel += 16) {
    const minimum = v128.load(codes + channel);
    const maximum = v128.load(codes + channel + <usize>dim);
    const code = v128.bitselect(minimum, maximum, v128.load(negative + channel));
    const q = query + (channel << 1);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_s(code), v128.load(q)));
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_s(code), v128.load(q, 16)));
  }
  return sum;
}

/** logits (n) = greatest of the sub-blocks that overlap the chunk. */
// @ts-ignore: decorator
@inline
function chunkMaxima(logits: usize, subs: usize, boundaries: usize, n: i32): void {
  let start = <i32>load<u32>(boundaries);
  for (let chunk = 0; chunk < n; chunk++) {
    const end = <i32>load<u32>(boundaries + (<usize>chunk << 2), 4);
    let most: f32 = -Infinity;
    for (let sub = start / SUB_BLOCK; sub <= (end - 1) / SUB_BLOCK; sub++) {
      most = max(most, load<f32>(subs + (<usize>sub << 2)));
    }
    store<f32>(logits + (<usize>chunk << 2), most);
    start = end;
  }
}
