// What q·k cannot exceed over sub-blocks of 16 keys, by the bounds of their channels (Quest, arXiv 2406.10774).
import { halves4 } from './lib/halves';
import { hadamard } from './lib/hadamard';
import { addSoftmax } from './lib/softmax';
import { address, number, word } from './lib/words';

/**
 * Items [from, to) as in score-chunks.ts, of tiles of one row, with 9: bounds of KV head 0; 10: bytes from page to page.
 * scratch: (group · n + dim) · 4 bytes.
 */
export function scoreBounds(args: usize, from: i32, to: i32, scratch: usize): void {
  const kvHeads = word(args, 5), dim = word(args, 6), tiles = word(args, 8);
  const group = word(args, 4) / kvHeads;
  const shared = kvHeads / word(args, 7);
  const block = <usize>dim << 2;
  const query = scratch;
  const logits = query + block;
  for (let item = from; item < to; item++) {
    const tile = address(args, 14) + <usize>(item % tiles) * 12;
    const n = word(tile, 0);
    if (n == 0) continue;
    const row = <usize>n << 2;
    const scores = address(args, 0) + (<usize>item * <usize>word(args, 1) << 2);
    for (let i = 0; i < shared; i++) {
      const kvHead = (item / tiles) * shared + i;
      for (let head = 0; head < group; head++) {
        const q = address(args, 2) + <usize>word(tile, 1) * <usize>word(args, 3);
        memory.copy(query, q + <usize>((kvHead * group + head) * dim << 2), block);
        hadamard(query, dim);
        let page = address(args, 9) + <usize>kvHead * <usize>word(args, 11);
        const out = logits + <usize>head * row;
        for (let at: usize = 0; at < row; at += 16, page += <usize>word(args, 10)) {
          for (let sub: usize = 0; sub < 4; sub++) {
            store<f32>(out + at + (sub << 2), number(args, 18) * bound(query, page + sub * block, dim));
          }
        }
      }
      addSoftmax(scores, logits, group, row, n, i > 0);
    }
  }
}

/** Σ over channels of the greater of q · least and q · greatest. */
// @ts-ignore: decorator
@inline
function bound(q: usize, bounds: usize, dim: i32): f32 {
  const width = <usize>dim << 1;
  let sum = f32x4.splat(0);
  for (const end = bounds + width; bounds < end; q += 16, bounds += 8) {
    const x = v128.load(q);
    sum = f32x4.add(sum, f32x4.max(f32x4.mul(x, halves4(bounds)), f32x4.mul(x, halves4(bounds + width))));
  }
  return (
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) +
    (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
  );
}
