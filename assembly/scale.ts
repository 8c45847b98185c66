/** out (count) · scale, in place. */
export function scale(out: usize, count: i32, factor: f32): void {
  for (const end = out + (<usize>count << 2); out < end; out += 4) store<f32>(out, load<f32>(out) * factor);
}
