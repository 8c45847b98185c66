// One step of online softmax: 32 logits of one query become weights.
import { exp2 } from './exp';

// @ts-ignore: decorator
@inline
function maxLane(x: v128): f32 {
  const pair = f32x4.max(x, v128.shuffle<f32>(x, x, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pair, 0), f32x4.extract_lane(pair, 1));
}

/**
 * logits (32), in units of ln 2, become weights 2^(logit − top), times valueScales (32) if `weighted`, and 0 where
 * `mask` has no bit.
 * top, sum: the running maximum and sum; fade: what the sums so far are multiplied by. Returns false, and changes
 * nothing that counts, when no logit comes within `skipBelow` of the maximum so far.
 */
export function soften(
  logits: usize, top: usize, sum: usize, fade: usize, mask: u32,
  valueScales: usize, weighted: bool, skipBelow: f32,
): bool {
  const lowest = f32x4.splat(-Infinity);
  let most = lowest;
  if (mask == 0xffffffff) {
    for (let i: usize = 0; i < 128; i += 16) most = f32x4.max(most, v128.load(logits + i));
  } else {
    let lanes = i32x4(1, 2, 4, 8);
    const all = i32x4.splat(<i32>mask);
    for (let i: usize = 0; i < 128; i += 16) {
      const read = i32x4.eq(v128.and(all, lanes), lanes);
      const x = v128.bitselect(v128.load(logits + i), lowest, read);
      v128.store(logits + i, x);
      most = f32x4.max(most, x);
      lanes = i32x4.shl(lanes, 4);
    }
  }
  const before = load<f32>(top);
  const here = maxLane(most);
  if (here < before - skipBelow) return false;
  const now = max<f32>(before, here);
  const f = before == now ? <f32>1 : f32x4.extract_lane(exp2(f32x4.splat(before - now)), 0);
  const peak = f32x4.splat(now);
  let total = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 16) {
    const weight = exp2(f32x4.sub(v128.load(logits + i), peak));
    total = f32x4.add(total, weight);
    v128.store(logits + i, weighted ? f32x4.mul(weight, v128.load(valueScales + i)) : weight);
  }
  const halves = f32x4.add(total, v128.shuffle<f32>(total, total, 2, 3, 0, 1));
  const added = f32x4.extract_lane(halves, 0) + f32x4.extract_lane(halves, 1);
  store<f32>(top, now);
  store<f32>(sum, load<f32>(sum) * f + added);
  store<f32>(fade, f);
  return true;
}
