// Rotation of channel pairs: (a, b) becomes (a · cos − b · sin, a · sin + b · cos).
// x is (tokens · heads, headDim), angles is (tokens, 2 · pairs): cosines, then sines.

// @ts-ignore: decorator
@inline
function rotate(first: usize, second: usize, cos: f32, sin: f32): void {
  const a = load<f32>(first);
  const b = load<f32>(second);
  store<f32>(first, a * cos - b * sin);
  store<f32>(second, a * sin + b * cos);
}

/** Channel i is paired with i + pairs. */
export function ropeHalf(x: usize, angles: usize, tokens: usize, heads: usize, headDim: usize, pairs: usize): void {
  const bytes = pairs * 4;
  const whole = bytes & ~15;
  for (let token: usize = 0; token < tokens; ++token) {
    for (let head: usize = 0; head < heads; ++head) {
      for (let at: usize = 0; at < whole; at += 16) {
        const a = v128.load(x + at);
        const b = v128.load(x + bytes + at);
        const cos = v128.load(angles + at);
        const sin = v128.load(angles + bytes + at);
        v128.store(x + at, f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin)));
        v128.store(x + bytes + at, f32x4.add(f32x4.mul(a, sin), f32x4.mul(b, cos)));
      }
      for (let at = whole; at < bytes; at += 4) {
        rotate(x + at, x + bytes + at, load<f32>(angles + at), load<f32>(angles + bytes + at));
      }
      x += headDim * 4;
    }
    angles += 2 * bytes;
  }
}

/** Channel 2i is paired with 2i + 1. */
export function ropeAdjacent(
  x: usize, angles: usize, tokens: usize, heads: usize, headDim: usize, pairs: usize,
): void {
  const bytes = pairs * 4;
  const whole = bytes & ~15;
  for (let token: usize = 0; token < tokens; ++token) {
    for (let head: usize = 0; head < heads; ++head) {
      for (let at: usize = 0; at < whole; at += 16) {
        const low = v128.load(x + 2 * at);
        const high = v128.load(x + 2 * at + 16);
        const a = v128.shuffle<f32>(low, high, 0, 2, 4, 6);
        const b = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
        const cos = v128.load(angles + at);
        const sin = v128.load(angles + bytes + at);
        const left = f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin));
        const right = f32x4.add(f32x4.mul(a, sin), f32x4.mul(b, cos));
        v128.store(x + 2 * at, v128.shuffle<f32>(left, right, 0, 4, 1, 5));
        v128.store(x + 2 * at + 16, v128.shuffle<f32>(left, right, 2, 6, 3, 7));
      }
      for (let at = whole; at < bytes; at += 4) {
        rotate(x + 2 * at, x + 2 * at + 4, load<f32>(angles + at), load<f32>(angles + bytes + at));
      }
      x += headDim * 4;
    }
    angles += 2 * bytes;
  }
}
