// One row of a packed table (lib/layout.ts) as f32: out (cols) = row `row`. Products of a code and its scale are exact.
import { f16ToF32 } from './lib/f16';
import { Q4_BYTES, Q8_BYTES, RUN, TILE } from './lib/layout';

export function embedQ8_0(out: usize, packed: usize, row: usize, cols: usize): void {
  const output = row % TILE;
  let block = packed + (row / TILE) * (cols >>> 5) * Q8_BYTES;
  for (const end = out + cols * 4; out < end; out += 128) {
    const scale = f16ToF32(load<u16>(block + output * 2));
    for (let i: usize = 0; i < 32; ++i) {
      const half = i >>> 4;
      const at = block + 32 + ((((i & 15) / RUN) << 1) + half) * 16 * RUN + output * RUN + (i % RUN);
      const code = ASC_FEATURE_RELAXED_SIMD ? <i32>load<u8>(at) - 128 : <i32>load<i8>(at);
      store<f32>(out + i * 4, scale * <f32>code);
    }
    block += Q8_BYTES;
  }
}

export function embedQ4_0(out: usize, packed: usize, row: usize, cols: usize): void {
  const output = row % TILE;
  let block = packed + (row / TILE) * (cols >>> 5) * Q4_BYTES;
  for (const end = out + cols * 4; out < end; out += 128) {
    const scale = f16ToF32(load<u16>(block + output * 2));
    for (let i: usize = 0; i < 16; ++i) {
      const pair = <i32>load<u8>(block + 32 + (i / RUN) * 16 * RUN + output * RUN + (i % RUN));
      store<f32>(out + i * 4, scale * <f32>((pair & 15) - 8));
      store<f32>(out + (i + 16) * 4, scale * <f32>((pair >> 4) - 8));
    }
    block += Q4_BYTES;
  }
}

/** `rows`: those of the table; a table of one row is not packed. */
export function embedF32(out: usize, packed: usize, row: usize, cols: usize, rows: usize): void {
  const lanes: usize = rows == 1 ? 1 : TILE;
  const from = packed + ((row / TILE) * TILE * cols + (row % TILE)) * 4;
  for (let k: usize = 0; k < cols; ++k) store<u32>(out + k * 4, load<u32>(from + k * lanes * 4));
}

/** out (count) · scale, in place. */
export function embedScale(out: usize, count: i32, scale: f32): void {
  for (const end = out + (<usize>count << 2); out < end; out += 4) store<f32>(out, load<f32>(out) * scale);
}
