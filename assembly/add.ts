/** out = out + x, count elements. */
export function add(out: usize, x: usize, count: usize): void {
  const whole = (count * 4) & ~15;
  for (let at: usize = 0; at < whole; at += 16) {
    v128.store(out + at, f32x4.add(v128.load(out + at), v128.load(x + at)));
  }
  for (let at = whole; at < count * 4; at += 4) store<f32>(out + at, load<f32>(out + at) + load<f32>(x + at));
}
