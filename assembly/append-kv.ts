// Encode keys and values into pages, token by token: what a query reads never depends on when a page became full.
import { copyTamed, encodeToken } from './lib/encode';
import { hadamard } from './lib/hadamard';
import { blockBytes, F16, keyBlock, PAGE, valueBlock } from './lib/page';

/**
 * table: u32 addresses of pages. k (rows, kvHeads, keyDim), v (rows, kvHeads, valueDim) f32, for absolute positions
 * from `position` on. Keys in q8 and q4 are rotated first. scratch: keyDim f32.
 */
export function appendKv(
  table: usize,
  k: usize,
  v: usize,
  position: i32,
  rows: i32,
  kvHeads: i32,
  keyDim: i32,
  valueDim: i32,
  keyCodec: i32,
  valueCodec: i32,
  scratch: usize,
): void {
  const keyBytes = blockBytes(keyCodec, keyDim);
  const valueBytes = blockBytes(valueCodec, valueDim);
  for (let row = 0; row < rows; row++) {
    const at = position + row;
    const page = <usize>load<u32>(table + <usize>((at / PAGE) << 2));
    const token = at % PAGE;
    for (let head = 0; head < kvHeads; head++) {
      let key = k;
      if (keyCodec != F16) {
        copyTamed(scratch, k, keyDim);
        hadamard(scratch, keyDim);
        key = scratch;
      }
      encodeToken(keyBlock(page, head, keyBytes, valueBytes), keyCodec, keyDim, token, key);
      encodeToken(valueBlock(page, head, keyBytes, valueBytes), valueCodec, valueDim, token, v);
      k += <usize>keyDim << 2;
      v += <usize>valueDim << 2;
    }
  }
}
