// Exact attention mass of chunks, over the tokens that a plan names: what sketches stand for.
import { exponentials } from './lib/softmax';
import { rowBytes, tokenLogits } from './lib/token-logits';
import { address, number, word } from './lib/words';

/**
 * Items [from, to), as in score-chunks.ts, with 9: page addresses, u32; 10: codec of the keys; 11: bytes from a KV head
 * to the next in a page; 13: position of row 0; candidates are always given. Every row of a tile adds the softmax mass
 * of each chunk, over the tokens that the candidates name up to the row itself; chunks without any become −∞.
 * scratch: group · (4 · (tokens + 8) + 4 · dim + 4) + 16 · dim bytes, tokens = the most that an item names.
 */
export function scoreTokens(args: usize, from: i32, to: i32, scratch: usize): void {
  const kvHeads = word(args, 5), dim = word(args, 6), tiles = word(args, 8);
  const group = word(args, 4) / kvHeads;
  const shared = kvHeads / word(args, 7);
  for (let item = from; item < to; item++) {
    const tile = address(args, 14) + <usize>(item % tiles) * 12;
    const n = word(tile, 0);
    const scores = address(args, 0) + (<usize>item * <usize>word(args, 1) << 2);
    for (let c: usize = 0; c < <usize>n; c++) store<f32>(scores + (c << 2), -Infinity);
    if (n == 0) continue;
    const count = word(address(args, 15) + (<usize>item << 2), 0);
    const ranges = address(args, 16) + (<usize>item * <usize>word(args, 17) << 3);
    let tokens = 0;
    for (let range = 0; range < count; range++) {
      const at = ranges + (<usize>range << 3);
      tokens += word(at, 1) - word(at, 0);
    }
    for (let i = 0; i < shared; i++) {
      const kvHead = (item / tiles) * shared + i;
      for (let r = word(tile, 1); r < word(tile, 1) + word(tile, 2); r++) {
        const q = address(args, 2) + <usize>r * <usize>word(args, 3) + <usize>(kvHead * group * dim << 2);
        const limit = word(args, 13) + r + 1;
        const named = tokenLogits(
          scratch, q, group, address(args, 9), kvHead * word(args, 11), word(args, 10), dim, ranges, count, limit,
          tokens, number(args, 18),
        );
        for (let head: usize = 0; head < <usize>group; head++) {
          const logits = scratch + head * rowBytes(tokens);
          addMass(scores, logits, named, ranges, count, limit, address(args, 12), n);
        }
      }
    }
  }
}

/** Softmax of one head's logits, then its sums over chunks, added to the scores. */
// @ts-ignore: decorator
@inline
function addMass(
  scores: usize, logits: usize, named: i32, ranges: usize, count: i32, limit: i32, boundaries: usize, n: i32,
): void {
  const share: f32 = 1 / exponentials(logits, named);
  let chunk = 0;
  for (let range = 0; range < count; range++) {
    let token = <i32>load<u32>(ranges + (<usize>range << 3));
    const end = min<i32>(<i32>load<u32>(ranges + (<usize>range << 3), 4), limit);
    while (token < end) {
      while (chunk < n && <i32>load<u32>(boundaries + (<usize>chunk << 2), 4) <= token) chunk++;
      // What is past the last chunk takes part in the softmax only.
      if (chunk == n) return;
      const stop = min(end, <i32>load<u32>(boundaries + (<usize>chunk << 2), 4));
      let sum: f32 = 0;
      for (; token < stop; token++, logits += 4) sum += load<f32>(logits);
      const at = scores + (<usize>chunk << 2);
      const old = load<f32>(at);
      store<f32>(at, (old == -Infinity ? 0 : old) + sum * share);
    }
  }
}
