// Queries as integers: they meet int8 codes in integer dot products.

/** Greatest magnitude of a quantised query: 8191 · 127 · 256 channels stays below 2³¹. */
const MOST: f32 = 8191;

/** out (dim) i16 = q / step, rounded to nearest even; gives step = absmax / 8191, 0 for a zero query. */
export function quantizeQuery(out: usize, q: usize, dim: i32): f32 {
  const end = q + (<usize>dim << 2);
  let magnitudes = f32x4.splat(0);
  for (let p = q; p < end; p += 16) magnitudes = f32x4.max(magnitudes, f32x4.abs(v128.load(p)));
  const most = max(
    max(f32x4.extract_lane(magnitudes, 0), f32x4.extract_lane(magnitudes, 1)),
    max(f32x4.extract_lane(magnitudes, 2), f32x4.extract_lane(magnitudes, 3)),
  );
  const inverse = f32x4.splat(most > 0 ? MOST / most : 0);
  for (let p = q; p < end; p += 32, out += 16) {
    const low = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p), inverse)));
    const high = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(p, 16), inverse)));
    v128.store(out, i16x8.narrow_i32x4_s(low, high));
  }
  return most / MOST;
}

/** Sum of the four lanes of each of a, b, c, d, as the four lanes of one vector. */
// @ts-ignore: decorator
@inline
export function sums4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(v128.shuffle<i32>(a, b, 0, 1, 4, 5), v128.shuffle<i32>(a, b, 2, 3, 6, 7));
  const cd = i32x4.add(v128.shuffle<i32>(c, d, 0, 1, 4, 5), v128.shuffle<i32>(c, d, 2, 3, 6, 7));
  return i32x4.add(v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), v128.shuffle<i32>(ab, cd, 1, 3, 5, 7));
}
