// What attention keeps of a query while it goes through the blocks: the greatest logit so far, the sum of weights relative
// to it, and the sum of weighted values.
import { LN2, ln } from './exp';

export const NEVER: f32 = -Infinity;

/** Bits [from, to) of a block, 0 ≤ from < to ≤ 32. */
// @ts-ignore: decorator
@inline
export function bits(from: i32, to: i32): u32 {
  return (0xffffffff >>> (32 - (to - from))) << from;
}

/** What is kept of `queries` queries, to or from where a pass hands it on: top, sum, then acc. */
export function carryAll(
  carry: usize, carryRow: usize, group: i32, tops: usize, sums: usize, acc: usize, accRow: usize,
  queries: i32, out: bool,
): void {
  for (let n = 0; n < queries; n++, acc += accRow) {
    const at = carry + <usize>(n / group) * carryRow + <usize>(n % group) * (accRow + 8);
    const top = tops + (<usize>n << 2), sum = sums + (<usize>n << 2);
    if (out) {
      store<f32>(at, load<f32>(top));
      store<f32>(at, load<f32>(sum), 4);
      memory.copy(at + 8, acc, accRow);
    } else {
      store<f32>(top, load<f32>(at));
      store<f32>(sum, load<f32>(at, 4));
      memory.copy(acc, at + 8, accRow);
    }
  }
}

/** out = acc / sum, accRow bytes. lse: 0, or where the log-sum-exp goes. */
export function writeRow(out: usize, lse: usize, acc: usize, accRow: usize, top: f32, sum: f32): void {
  // Only NaN or infinite logits leave a sum of 0; the row is then NaN, for all to see.
  const divisor = f32x4.splat(sum);
  for (let c: usize = 0; c < accRow; c += 16) v128.store(out + c, f32x4.div(v128.load(acc + c), divisor));
  if (lse) store<f32>(lse, sum > 0 ? <f32>(<f64>top * LN2 + ln(sum)) : NEVER);
}
