// Ranges of a plan, as they are written: ascending, disjoint, merged.

/** Appends [start, stop) after the ranges out…last, merged with the last one where they touch. */
// @ts-ignore: decorator
@inline
export function put(out: usize, last: usize, start: i32, stop: i32): usize {
  if (stop <= start) return last;
  if (last > out && <i32>load<u32>(last - 4) >= start) {
    store<u32>(last - 4, stop);
    return last;
  }
  store<u32>(last, start);
  store<u32>(last, stop, 4);
  return last + 8;
}
