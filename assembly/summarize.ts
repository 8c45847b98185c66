// Summaries of stored keys: means of chunks, sketches of tokens. Both can be made again from the pages, byte for byte.
import { f16ToF32, f32ToF16 } from './lib/f16';
import { hadamard } from './lib/hadamard';
import { F16, PAGE, decodeBlock } from './lib/page';
import { centreBytes, PLANES, SCALE_BITS } from './lib/sketch';

/**
 * out: for chunks [first, last), every `stride` bytes, sum/√length of one head's keys, f16 (DHSA, arXiv 2510.24606
 * §3). Keys are added as stored, in ascending order in f32; q8 and q4 keys are rotated back once, as a sum.
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
    if (codec != F16) hadamard(sum, dim);
    const root = sqrt<f32>(<f32>(end - start));
    for (let channel: usize = 0; channel < <usize>dim; channel++) {
      store<u16>(out + (channel << 1), <u16>f32ToF16(load<f32>(sum + (channel << 2)) / root));
    }
  }
}

/**
 * out, second: the records of the sketch of one head of one page (lib/sketch.ts), of its keys as stored, rotated. Every
 * sum runs in f32 in the order that the reference writes down, so that the bytes are the same everywhere.
 * scratch: (PAGE + 1) · (dim + 1) f32.
 */
export function keySketch(out: usize, second: usize, block: usize, codec: i32, dim: i32, scratch: usize): void {
  const row = <usize>dim << 2;
  const sizes = scratch + <usize>(PAGE + 1) * row;
  decodeBlock(scratch, block, codec, dim, 0, PAGE);
  if (codec == F16) for (let token = 0; token < PAGE; token++) hadamard(scratch + <usize>token * row, dim);
  centre(out, scratch, dim);
  let unit: f32 = 0;
  for (let plane = 0; plane < PLANES; plane++) {
    let most: f32 = 0;
    for (let token: usize = 0; token < <usize>PAGE; token++) {
      const size = meanMagnitude(scratch + token * row, dim);
      store<f32>(sizes + (token << 2), size);
      most = max(most, size);
    }
    if (plane == 0) {
      const half = min<u32>(f32ToF16(most), 0x7bff);
      store<u16>(out + <usize>(dim + 2), <u16>half);
      unit = f16ToF32(half) / <f32>(1 << SCALE_BITS);
    }
    const at = plane == 0 ? out + centreBytes(dim) : second;
    for (let token: usize = 0; token < <usize>PAGE; token++) {
      const size = load<f32>(sizes + (token << 2));
      const code = unit > 0 ? min<f32>(32767, nearest(size / unit)) : 0;
      store<u16>(at + (token << 1), <u16>code);
      const signs = at + <usize>(2 * PAGE) + (token >> 4) * (<usize>dim << 1) + (token & 15);
      takeSigns(signs, scratch + token * row, dim, code * unit);
    }
  }
}

/** Mean |x| of a key. */
// @ts-ignore: decorator
@inline
function meanMagnitude(key: usize, dim: i32): f32 {
  let sums = f32x4.splat(0);
  for (const end = key + (<usize>dim << 2); key < end; key += 16) sums = f32x4.add(sums, f32x4.abs(v128.load(key)));
  const sum =
    f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) +
    (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3));
  return sum / <f32>dim;
}

/** signs: one byte for eight channels, 16 apart, bits set where the key is negative; key −= ±scale with these signs. */
// @ts-ignore: decorator
@inline
function takeSigns(signs: usize, key: usize, dim: i32, scale: f32): void {
  const size = f32x4.splat(scale);
  const zero = f32x4.splat(0);
  for (const end = key + (<usize>dim << 2); key < end; key += 32, signs += 16) {
    const low = v128.load(key), high = v128.load(key, 16);
    const lows = f32x4.lt(low, zero), highs = f32x4.lt(high, zero);
    store<u8>(signs, <u8>(i32x4.bitmask(lows) | (i32x4.bitmask(highs) << 4)));
    v128.store(key, v128.bitselect(f32x4.add(low, size), f32x4.sub(low, size), lows));
    v128.store(key, v128.bitselect(f32x4.add(high, size), f32x4.sub(high, size), highs), 16);
  }
}

/** out: the mean of PAGE keys, i8 and the f16 scale; what was stored is then subtracted from every key. */
// @ts-ignore: decorator
@inline
function centre(out: usize, keys: usize, dim: i32): void {
  const row = <usize>dim << 2;
  const end = keys + <usize>PAGE * row;
  let magnitudes = f32x4.splat(0);
  for (let at: usize = 0; at < row; at += 16) {
    let sum = f32x4.splat(0);
    for (let key = keys + at; key < end; key += row) sum = f32x4.add(sum, v128.load(key));
    const mean = f32x4.mul(sum, f32x4.splat(1.0 / <f32>PAGE));
    v128.store(end + at, mean);
    magnitudes = f32x4.max(magnitudes, f32x4.abs(mean));
  }
  const most = max(
    max(f32x4.extract_lane(magnitudes, 0), f32x4.extract_lane(magnitudes, 1)),
    max(f32x4.extract_lane(magnitudes, 2), f32x4.extract_lane(magnitudes, 3)),
  );
  const half = min<u32>(f32ToF16(most / 127), 0x7bff);
  const scale = f16ToF32(half);
  memory.fill(out + <usize>dim, 0, 16);
  store<u16>(out + <usize>dim, <u16>half);
  for (let channel: usize = 0; channel < <usize>dim; channel++) {
    const mean = end + (channel << 2);
    const code = scale > 0 ? min<f32>(127, max<f32>(-127, nearest(load<f32>(mean) / scale))) : 0;
    store<i8>(out + channel, <i8>code);
    store<f32>(mean, code * scale);
  }
  for (let at: usize = 0; at < row; at += 16) {
    const mean = v128.load(end + at);
    for (let key = keys + at; key < end; key += row) v128.store(key, f32x4.sub(v128.load(key), mean));
  }
}
