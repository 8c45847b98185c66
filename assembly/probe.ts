/** First byte that static data leaves free: where the heap of the host may begin. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * One lane of the relaxed dot product of 4 × a and 4 × b, which the host compares with the exact value before it
 * trusts this build. The plain build has no such instruction and answers 0.
 */
export function relaxedDot(a: i32, b: i32): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    const sum = i32x4.relaxed_dot_i8x16_i7x16_add_s(i8x16.splat(<i8>a), i8x16.splat(<i8>b), i32x4.splat(0));
    return i32x4.extract_lane(sum, 0);
  }
  return 0;
}
