// Summaries of stored keys: means of chunks, bounds of sub-blocks. Both can be made again from the pages, byte for byte.
import { f16ToF32, f32ToF16 } from './lib/f16';
import { hadamard } from './lib/hadamard';
import { PAGE, Q8, decodeBlock } from './lib/page';

const SUB_BLOCK: i32 = 16;
const SUB_BLOCKS: i32 = 4;

/**
 * out: for chunks [first, last), every `stride` bytes, sum/√length of one head's keys, f16 (DHSA, arXiv 2510.24606
 * §3). Keys are added as stored, in ascending order in f32; q8 keys are rotated back once, as a sum.
 * boundaries: u32, chunk c is [b[c], b[c + 1]). scratch: (PAGE + 1) · dim f32.
 */
export function chunkMeans(
  out: usize, boundaries: usize, first: i32, last: i32, table: usize, headAt: i32, codec: i32, dim: i32,
  stride: i32, scratch: usize,
): void {
  const row = <usize>dim << 2;
  const sum = scratch + <usize>PAGE * row;
  let decoded = -1;
  for (let chunk = first; chunk < last; chunk++, out += stride) {
    const start = <i32>load<u32>(boundaries + (<usize>chunk << 2));
    const end = <i32>load<u32>(boundaries + (<usize>chunk << 2), 4);
    memory.fill(sum, 0, row);
    for (let token = start; token < end; token++) {
      const page = token >> 6;
      if (page != decoded) {
        decodeBlock(scratch, load<u32>(table + (<usize>page << 2)) + headAt, codec, dim, 0, PAGE);
        decoded = page;
      }
      const key = scratch + <usize>(token & 63) * row;
      for (let at: usize = 0; at < row; at += 16) {
        v128.store(sum + at, f32x4.add(v128.load(sum + at), v128.load(key + at)));
      }
    }
    if (codec == Q8) hadamard(sum, dim);
    const root = sqrt<f32>(<f32>(end - start));
    for (let channel: usize = 0; channel < <usize>dim; channel++) {
      store<u16>(out + (channel << 1), <u16>f32ToF16(load<f32>(sum + (channel << 2)) / root));
    }
  }
}

/**
 * out: bounds of one head of one page, int8 [sub-block][minimum, maximum][channel], then f16 scale [sub-block]
 * (Quest, arXiv 2406.10774). scale · minimum ≤ every key ≤ scale · maximum, channel by channel.
 * scratch: (SUB_BLOCK + 2) · dim f32.
 */
export function keyBounds(out: usize, block: usize, codec: i32, dim: i32, scratch: usize): void {
  const row = <usize>dim << 2;
  const least = scratch + <usize>SUB_BLOCK * row;
  const most = least + row;
  for (let sub = 0; sub < SUB_BLOCKS; sub++) {
    decodeBlock(scratch, block, codec, dim, sub * SUB_BLOCK, SUB_BLOCK);
    if (codec == Q8) for (let token = 0; token < SUB_BLOCK; token++) hadamard(scratch + <usize>token * row, dim);
    const scale = extremes(least, most, scratch, row);
    const codes = out + <usize>(sub * 2 * dim);
    for (let channel: usize = 0; channel < <usize>dim; channel++) {
      store<i8>(codes + channel, lowered(load<f32>(least + (channel << 2)), f16ToF32(scale)));
      store<i8>(codes + channel + dim, -lowered(-load<f32>(most + (channel << 2)), f16ToF32(scale)));
    }
    store<u16>(out + <usize>(SUB_BLOCKS * 2 * dim + (sub << 1)), <u16>scale);
  }
}

/** Per-channel minimum and maximum of SUB_BLOCK rows; gives the f16 scale with 127 · scale ≥ every magnitude. */
// @ts-ignore: decorator
@inline
function extremes(least: usize, most: usize, keys: usize, row: usize): u32 {
  let magnitudes = f32x4.splat(0);
  for (let at: usize = 0; at < row; at += 16) {
    let low = v128.load(keys + at);
    let high = low;
    for (let key = keys + at + row; key < keys + <usize>SUB_BLOCK * row; key += row) {
      low = f32x4.min(low, v128.load(key));
      high = f32x4.max(high, v128.load(key));
    }
    v128.store(least + at, low);
    v128.store(most + at, high);
    magnitudes = f32x4.max(magnitudes, f32x4.max(f32x4.abs(low), f32x4.abs(high)));
  }
  const most4 = max(
    max(f32x4.extract_lane(magnitudes, 0), f32x4.extract_lane(magnitudes, 1)),
    max(f32x4.extract_lane(magnitudes, 2), f32x4.extract_lane(magnitudes, 3)),
  );
  let scale = f32ToF16(most4 / 127);
  if (f16ToF32(scale) * 127 < most4) scale++;
  return min<u32>(scale, 0x7bff);
}

/** Greatest code with scale · code ≤ x. */
// @ts-ignore: decorator
@inline
function lowered(x: f32, scale: f32): i8 {
  if (!(scale > 0)) return 0;
  let code = floor(x / scale);
  if (code * scale > x) code -= 1;
  return <i8>code;
}
