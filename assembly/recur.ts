// Linear attention with a decay (Mamba-2, arXiv 2405.21060 §7.1; Lightning Attention, 2405.17381, where the decay is fixed).
// A head has a state S (headDim, state). Row after row: S = decay · S + step · v kᵀ, out = S q + skip · v. So what a row gets
// does not depend on how many are computed in one call.
import { madd } from './lib/exp';

/** Rows that a group of channels goes through before the next: their k and q stay in the first cache. */
const BLOCK: usize = 16;

// @ts-ignore: decorator
@inline
function sum(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** Four channels of a head's state (4, state) and of its output meet one row. */
// @ts-ignore: decorator
@inline
function step4(out: usize, v: usize, k: usize, q: usize, states: usize, bytes: usize, step: f32, decay: f32, skip: f32): void {
  const fade = f32x4.splat(decay);
  const values = v128.load(v);
  const scaled = f32x4.mul(values, f32x4.splat(step));
  const v0 = v128.shuffle<f32>(scaled, scaled, 0, 0, 0, 0);
  const v1 = v128.shuffle<f32>(scaled, scaled, 1, 1, 1, 1);
  const v2 = v128.shuffle<f32>(scaled, scaled, 2, 2, 2, 2);
  const v3 = v128.shuffle<f32>(scaled, scaled, 3, 3, 3, 3);
  let sum0 = f32x4.splat(0);
  let sum1 = sum0;
  let sum2 = sum0;
  let sum3 = sum0;
  for (let at: usize = 0; at < bytes; at += 16) {
    const key = v128.load(k + at);
    const query = v128.load(q + at);
    const s0 = madd(v0, key, f32x4.mul(fade, v128.load(states + at)));
    const s1 = madd(v1, key, f32x4.mul(fade, v128.load(states + bytes + at)));
    const s2 = madd(v2, key, f32x4.mul(fade, v128.load(states + 2 * bytes + at)));
    const s3 = madd(v3, key, f32x4.mul(fade, v128.load(states + 3 * bytes + at)));
    v128.store(states + at, s0);
    v128.store(states + bytes + at, s1);
    v128.store(states + 2 * bytes + at, s2);
    v128.store(states + 3 * bytes + at, s3);
    sum0 = madd(s0, query, sum0);
    sum1 = madd(s1, query, sum1);
    sum2 = madd(s2, query, sum2);
    sum3 = madd(s3, query, sum3);
  }
  const read = f32x4(sum(sum0), sum(sum1), sum(sum2), sum(sum3));
  v128.store(out, madd(values, f32x4.splat(skip), read));
}

/**
 * Heads [from, to) of out (rows, heads · headDim). mixed (rows, heads · headDim + 2 · state): v of every head, then k and q,
 * which all heads share. steps and decays (rows, heads), skip (heads); states (heads, headDim, state) before the first row,
 * then behind the last. headDim and state are multiples of 4.
 */
export function recur(
  out: usize, mixed: usize, steps: usize, decays: usize, skip: usize, states: usize,
  rows: usize, heads: usize, headDim: usize, state: usize, from: usize, to: usize,
): void {
  const inner = heads * headDim * 4;
  const bytes = state * 4;
  const stride = inner + 2 * bytes;
  for (let head = from; head < to; ++head) {
    const ahead = load<f32>(skip + head * 4);
    const own = states + head * headDim * bytes;
    for (let block: usize = 0; block < rows; block += BLOCK) {
      const end = min(rows, block + BLOCK);
      for (let channel: usize = 0; channel < headDim; channel += 4) {
        const place = (head * headDim + channel) * 4;
        for (let row = block; row < end; ++row) {
          const x = mixed + row * stride;
          const number = (row * heads + head) * 4;
          step4(
            out + row * inner + place, x + place, x + inner, x + inner + bytes, own + channel * bytes, bytes,
            load<f32>(steps + number), load<f32>(decays + number), ahead,
          );
        }
      }
    }
  }
}
