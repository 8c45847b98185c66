// Heads that a row uses, and how much of each (MoH, arXiv 2410.11842 §3): a factor for every head of every row.
import { exp2 } from './lib/exp';

/** Factors that are not 0 become shares of `total`, by the softmax of their values. */
function share(values: usize, factors: usize, count: i32, total: f32): void {
  const end = <usize>count << 2;
  let most: f32 = -f32.MAX_VALUE;
  for (let at: usize = 0; at < end; at += 4) {
    if (load<f32>(factors + at) != 0) most = max(most, load<f32>(values + at));
  }
  let sum: f32 = 0;
  for (let at: usize = 0; at < end; at += 4) {
    if (load<f32>(factors + at) == 0) continue;
    const below = (load<f32>(values + at) - most) * <f32>1.4426950408889634;
    const part = f32x4.extract_lane(exp2(f32x4.splat(below)), 0);
    store<f32>(factors + at, part);
    sum += part;
  }
  total /= sum;
  for (let at: usize = 0; at < end; at += 4) store<f32>(factors + at, load<f32>(factors + at) * total);
}

/**
 * out (rows, heads · width) = out, every head times its factor; width is a multiple of 4. scores is (rows, cols): queries of
 * headDim channels, or, where headDim is 0, logits. scratch: room for two f32 of every head, and four.
 */
export function route(
  out: usize, scores: usize, rows: i32, heads: i32, width: i32, cols: i32, headDim: i32,
  shared: i32, used: i32, scratch: usize,
): void {
  const factors = scratch + (<usize>(heads + 2) << 2);
  const first = <usize>shared << 2;
  const all = <usize>heads << 2;
  for (let row = 0; row < rows; row++) {
    memory.copy(scratch, scores, <usize>(cols < heads + 2 ? cols : heads + 2) << 2);
    if (headDim > 0) {
      for (let head: usize = 0; head < all; head += 4) {
        let sum: f32 = 0;
        for (let c: usize = 0; c < <usize>headDim << 2; c += 4) {
          const x = load<f32>(scores + head * headDim + c);
          sum += x * x;
        }
        store<f32>(scratch + head, sum);
      }
    }
    for (let head: usize = 0; head < all + 8; head += 4) {
      const value = load<f32>(scratch + head);
      let before = 0;
      if (head >= first && head < all) {
        for (let other = first; other < all; other += 4) {
          const rival = load<f32>(scratch + other);
          before += i32(rival > value || (rival == value && other < head));
        }
      }
      store<f32>(factors + head, before < used ? 1 : 0);
    }
    if (headDim == 0) {
      if (shared > 0) {
        share(scratch + all, factors + all, 2, 2);
        share(scratch, factors, shared, <f32>shared * load<f32>(factors + all));
      }
      share(scratch + first, factors + first, heads - shared, <f32>used * load<f32>(factors + all + 4));
    }
    for (let head: usize = 0; head < all; head += 4) {
      const factor = v128.load32_splat(factors + head);
      for (let end = out + (<usize>width << 2); out < end; out += 16) {
        v128.store(out, f32x4.mul(v128.load(out), factor));
      }
    }
    scores += <usize>cols << 2;
  }
}
