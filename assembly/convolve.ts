// A causal convolution along the rows, every channel by itself, over four of them.
import { madd } from './lib/exp';
import { silu } from './lib/sigmoid';

/**
 * Channels [from, to), multiples of 4, of out (rows, channels) = silu(bias + Σ taps · x): a row meets itself and the three
 * before it, so x has rows + 3. taps: (channels, 4), the oldest row's first.
 */
export function convolve(
  out: usize, x: usize, taps: usize, bias: usize, rows: usize, channels: usize, from: usize, to: usize,
): void {
  const stride = channels * 4;
  for (let channel = from; channel < to; channel += 4) {
    // The taps of four channels, turned: one vector for each row that is met.
    const own = taps + channel * 16;
    const a = v128.load(own);
    const b = v128.load(own, 16);
    const c = v128.load(own, 32);
    const d = v128.load(own, 48);
    const early = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
    const earlyToo = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const late = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
    const lateToo = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    const tap0 = v128.shuffle<f64>(early, earlyToo, 0, 2);
    const tap1 = v128.shuffle<f64>(early, earlyToo, 1, 3);
    const tap2 = v128.shuffle<f64>(late, lateToo, 0, 2);
    const tap3 = v128.shuffle<f64>(late, lateToo, 1, 3);
    const offset = v128.load(bias + channel * 4);
    let at = x + channel * 4;
    let to4 = out + channel * 4;
    let x0 = v128.load(at);
    let x1 = v128.load(at + stride);
    let x2 = v128.load(at + 2 * stride);
    at += 3 * stride;
    for (let row: usize = 0; row < rows; ++row) {
      const x3 = v128.load(at);
      const sum = madd(tap3, x3, madd(tap2, x2, madd(tap1, x1, madd(tap0, x0, offset))));
      v128.store(to4, silu(sum));
      x0 = x1;
      x1 = x2;
      x2 = x3;
      at += stride;
      to4 += stride;
    }
  }
}
