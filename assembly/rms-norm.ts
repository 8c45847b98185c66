/** out = x / √(mean(x²) + eps) · gain for each row of x (rows, cols); `out` may be `x`. gain is (cols). */
export function rmsNorm(out: usize, x: usize, gain: usize, rows: usize, cols: usize, eps: f32): void {
  const bytes = cols * 4;
  const whole = bytes & ~15;
  for (let row: usize = 0; row < rows; ++row) {
    let squares = f32x4.splat(0);
    for (let at: usize = 0; at < whole; at += 16) {
      const values = v128.load(x + at);
      squares = f32x4.add(squares, f32x4.mul(values, values));
    }
    let sum =
      f32x4.extract_lane(squares, 0) + f32x4.extract_lane(squares, 1) +
      (f32x4.extract_lane(squares, 2) + f32x4.extract_lane(squares, 3));
    for (let at = whole; at < bytes; at += 4) sum += load<f32>(x + at) * load<f32>(x + at);

    const inverse: f32 = 1 / sqrt<f32>(sum / <f32>cols + eps);
    const factor = f32x4.splat(inverse);
    for (let at: usize = 0; at < whole; at += 16) {
      v128.store(out + at, f32x4.mul(f32x4.mul(v128.load(x + at), factor), v128.load(gain + at)));
    }
    for (let at = whole; at < bytes; at += 4) {
      store<f32>(out + at, load<f32>(x + at) * inverse * load<f32>(gain + at));
    }
    x += bytes;
    out += bytes;
  }
}
