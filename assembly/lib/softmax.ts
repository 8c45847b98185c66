// e^x on four lanes, and the softmax of a row.

/**
 * e^x for x ≤ 0 to 2 ulp (degree-5 polynomial after Cephes' expf); below −87 it stays at the least normal number. Not
 * made of `exp2`: x / ln 2 in one product would be off by tens of ulp at −80; here ln 2 is subtracted in two parts.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.max(x, f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.44269504)));
  let r = f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1));
  return f32x4.mul(p, i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23));
}

/**
 * logits (n) f32 → e^(logit − maximum), in place; gives their sum. The row has room up to a multiple of four, which
 * is filled with zeros.
 */
export function exponentials(logits: usize, n: i32): f32 {
  if (n == 0) return 0;
  const padded = (n + 3) & -4;
  for (let i = n; i < padded; i++) store<f32>(logits + (<usize>i << 2), -Infinity);
  const end = logits + (<usize>padded << 2);
  let most = f32x4.splat(-Infinity);
  for (let p = logits; p < end; p += 16) most = f32x4.max(most, v128.load(p));
  const greatest = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  const shift = f32x4.splat(greatest);
  let sums = f32x4.splat(0);
  for (let p = logits; p < end; p += 16) {
    const e = exp4(f32x4.sub(v128.load(p), shift));
    v128.store(p, e);
    // The padding adds e^−87, which vanishes beside the 1 of the maximum.
    sums = f32x4.add(sums, e);
  }
  for (let i = n; i < padded; i++) store<f32>(logits + (<usize>i << 2), 0);
  return (
    f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) +
    (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3))
  );
}

/**
 * scores (n) [+]= Σ over heads of the softmax of n logits, which are lost; rows of logits are `row` bytes apart. All have
 * room for n rounded up to four.
 */
export function addSoftmax(scores: usize, logits: usize, heads: i32, row: usize, n: i32, more: bool): void {
  const end = <usize>((n + 3) & -4) << 2;
  for (let head = 0; head < heads; head++, logits += row) {
    const share = f32x4.splat(1 / exponentials(logits, n));
    for (let at: usize = 0; at < end; at += 16) {
      const mass = f32x4.mul(v128.load(logits + at), share);
      v128.store(scores + at, more || head > 0 ? f32x4.add(v128.load(scores + at), mass) : mass);
    }
  }
}
