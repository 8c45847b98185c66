// x → cap · tanh(x / cap), in place (Gemma 2, arXiv 2408.00118 §2): final logits, and attention's, block by block.
import { tanh4 } from './lib/tanh';

/** out (count) f32. Relative error at most 1e-6. */
export function softcap(out: usize, count: i32, cap: f32): void {
  const caps = f32x4.splat(cap);
  const inverse = f32x4.splat(1 / cap);
  const end = out + (<usize>count << 2);
  for (; out + 16 <= end; out += 16) {
    v128.store(out, f32x4.mul(caps, tanh4(f32x4.mul(v128.load(out), inverse))));
  }
  for (; out < end; out += 4) {
    v128.store32_lane(out, f32x4.mul(caps, tanh4(f32x4.mul(v128.load32_splat(out), inverse))), 0);
  }
}
