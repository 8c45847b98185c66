// The greatest of many numbers, for whoever chooses among them: one scan that looks up only where something is greater than
// the least of what is held, then the sum that shares of probability are of.
import { exp2 } from './lib/exp';

const LOG2E: f32 = 1.4426950408889634;
/** Bytes whose weights are summed in f32; those sums are added in f64. */
const STRETCH: usize = 1 << 12;

/** Holds x in its place: rows are (number, its place), the greatest first, the lower place first among equals. */
function hold(rows: usize, held: i32, count: i32, x: f32, place: i32): i32 {
  let at = held < count ? held : count - 1;
  for (; at > 0; at--) {
    const before = rows + (<usize>(at - 1) << 3);
    if (load<f32>(before) >= x) break;
    store<u64>(before + 8, load<u64>(before));
  }
  store<f32>(rows + (<usize>at << 3), x);
  store<f32>(rows + (<usize>at << 3) + 4, <f32>place);
  return held < count ? held + 1 : count;
}

/** out (count + 1, 2): the sum of e^(x − greatest), the number of rows held; then those rows. numbers (n). */
export function topLogits(out: usize, numbers: usize, n: i32, count: i32): void {
  const rows = out + 8;
  const last = rows + (<usize>(count - 1) << 3);
  let held = 0;
  let least: f32 = -Infinity;
  for (let i = 0; i < n; i++) {
    const at = numbers + (<usize>i << 2);
    if (i + 4 <= n && !v128.any_true(f32x4.gt(v128.load(at), f32x4.splat(least)))) {
      i += 3;
      continue;
    }
    const x = load<f32>(at);
    if (!(x > least)) continue;
    held = hold(rows, held, count, x, i);
    if (held == count) least = load<f32>(last);
  }
  let sum: f64 = 0;
  const top = held > 0 ? load<f32>(rows) : <f32>0;
  const tops = f32x4.splat(top);
  const end = numbers + (<usize>n << 2);
  let at = numbers;
  while (at + 16 <= end) {
    const stop = min(at + STRETCH, end);
    let some = f32x4.splat(0);
    for (; at + 16 <= stop; at += 16) {
      some = f32x4.add(some, exp2(f32x4.mul(f32x4.sub(v128.load(at), tops), f32x4.splat(LOG2E))));
    }
    sum += <f64>f32x4.extract_lane(some, 0) + <f64>f32x4.extract_lane(some, 1);
    sum += <f64>f32x4.extract_lane(some, 2) + <f64>f32x4.extract_lane(some, 3);
  }
  for (; at < end; at += 4) {
    const t = f32x4.splat((load<f32>(at) - top) * LOG2E);
    sum += <f64>f32x4.extract_lane(exp2(t), 0);
  }
  store<f32>(out, <f32>sum);
  store<f32>(out + 4, <f32>held);
}
