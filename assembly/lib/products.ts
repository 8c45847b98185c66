// Products of small integers, added to i32 sums.

/** sum + the products of eight i16 pairs, two by two. */
// @ts-ignore: decorator
@inline
export function add(sum: v128, x: v128, w: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(x, w));
}

/** sum + the products of sixteen i8 of `x` with those of `w`, which are 0…127, four by four. */
// @ts-ignore: decorator
@inline
export function dot(sum: v128, x: v128, w: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, w, sum);
}
