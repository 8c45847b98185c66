// out = act(out) · up, element by element. silu(x) = x · σ(x); gelu(x) = x · σ(2 · √(2/π) · (x + 0.044715 · x³)),
// which is the tanh form of GELU (arXiv 1606.08415 §2).
import { sigmoid, silu } from './lib/sigmoid';

// @ts-ignore: decorator
@inline
function gelu(x: v128): v128 {
  const cubic = f32x4.add(f32x4.mul(f32x4.mul(x, x), f32x4.splat(0.044715)), f32x4.splat(1));
  return f32x4.mul(x, sigmoid(f32x4.mul(f32x4.mul(x, cubic), f32x4.splat(1.5957691216057308))));
}

/** count elements; silu. */
export function gateSilu(out: usize, up: usize, count: usize): void {
  const whole = (count * 4) & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    v128.store(out + at, f32x4.mul(silu(v128.load(out + at)), v128.load(up + at)));
  }
  for (let at = whole; at < count * 4; at += 4) {
    store<f32>(out + at, f32x4.extract_lane(silu(v128.load32_splat(out + at)), 0) * load<f32>(up + at));
  }
}

/** count elements; gelu in its tanh form. */
export function gateGelu(out: usize, up: usize, count: usize): void {
  const whole = (count * 4) & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    v128.store(out + at, f32x4.mul(gelu(v128.load(out + at)), v128.load(up + at)));
  }
  for (let at = whole; at < count * 4; at += 4) {
    store<f32>(out + at, f32x4.extract_lane(gelu(v128.load32_splat(out + at)), 0) * load<f32>(up + at));
  }
}
