// What no key of a sub-block lies outside of, channel by channel (Quest, arXiv 2406.10774). Made again from the pages, byte
// for byte.
import { f16ToF32, f32ToF16 } from './lib/f16';
import { hadamard } from './lib/hadamard';
import { F16, PAGE, decodeBlock } from './lib/page';
import { BLOCKS, SUB_BLOCK } from './lib/sketch';

/**
 * out: of one head of one page, for each sub-block, the least and then the greatest of every channel, f16, of its keys as
 * stored, rotated. scratch: PAGE · dim f32.
 */
export function keyBounds(out: usize, block: usize, codec: i32, dim: i32, scratch: usize): void {
  const row = <usize>dim << 2;
  decodeBlock(scratch, block, codec, dim, 0, PAGE);
  if (codec == F16) for (let token = 0; token < PAGE; token++) hadamard(scratch + <usize>token * row, dim);
  for (let sub = 0; sub < BLOCKS; sub++, out += row) {
    const first = scratch + <usize>(sub * SUB_BLOCK) * row;
    for (let channel: usize = 0; channel < <usize>dim; channel++) {
      let least = load<f32>(first + (channel << 2)), greatest = least;
      for (let key: usize = 1; key < <usize>SUB_BLOCK; key++) {
        const x = load<f32>(first + key * row + (channel << 2));
        least = min(least, x);
        greatest = max(greatest, x);
      }
      store<u16>(out + (channel << 1), <u16>halfBelow(least));
      const above = halfBelow(-greatest);
      store<u16>(out + <usize>((dim + <i32>channel) << 1), <u16>(above ? above ^ 0x8000 : 0));
    }
  }
}

/** The greatest f16 that is finite and not above x; zero is +0. */
function halfBelow(x: f32): u32 {
  let bits = f32ToF16(x);
  if (bits == 0x8000) bits = 0;
  if (f16ToF32(bits) > x) bits = bits == 0 ? 0x8001 : bits & 0x8000 ? bits + 1 : bits - 1;
  return (bits & 0x8000) | min<u32>(bits & 0x7fff, 0x7bff);
}
