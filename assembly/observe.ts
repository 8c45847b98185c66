// Attention probabilities of a few rows: what methods that look at the last queries of a text are made of.
import { exponentials } from './lib/softmax';
import { rowBytes, tokenLogits } from './lib/token-logits';
import { address, number, word } from './lib/words';

/**
 * Items [from, to), row · kvHeads + KV head, of words: 0: out; 1: bytes of a row of it; 2: q; 3: bytes of a row of q; 4:
 * heads; 5: kvHeads; 6: dim; 7: lists; 8: tiles; 9: page addresses, u32; 10: codec of the keys; 11: bytes from a KV head
 * to the next in a page; 12: position of row 0; 13: rows of a tile; 14: counts; 15: ranges; 16: capacity; 17: scale.
 * An item writes the rows of its heads: 0 where its ranges name nothing.
 * scratch: group · (4 · (tokens + 8) + 4 · dim + 4) + 16 · dim bytes, tokens = the most that a row can reach.
 */
export function observe(args: usize, from: i32, to: i32, scratch: usize): void {
  const heads = word(args, 4), kvHeads = word(args, 5), dim = word(args, 6);
  const group = heads / kvHeads;
  const position = word(args, 12), tileRows = word(args, 13);
  const bytes = address(args, 1);
  for (let item = from; item < to; item++) {
    const row = item / kvHeads, kvHead = item % kvHeads;
    const tile = (position + row) / tileRows - position / tileRows;
    const planned = (word(args, 7) == 1 ? 0 : kvHead) * word(args, 8) + tile;
    const count = word(address(args, 14) + (<usize>planned << 2), 0);
    const ranges = address(args, 15) + (<usize>planned * <usize>word(args, 16) << 3);
    const limit = position + row + 1;
    const q = address(args, 2) + <usize>row * <usize>word(args, 3) + (<usize>(kvHead * group * dim) << 2);
    const named = tokenLogits(
      scratch, q, group, address(args, 9), kvHead * word(args, 11), word(args, 10), dim, ranges, count, limit, limit,
      number(args, 17),
    );
    let out = address(args, 0) + <usize>(row * heads + kvHead * group) * bytes;
    for (let head: usize = 0; head < <usize>group; head++, out += bytes) {
      memory.fill(out, 0, bytes);
      spread(out, scratch + head * rowBytes(limit), named, ranges, count, limit);
    }
  }
}

/** out = the softmax of `named` logits, each at the place of its token. */
function spread(out: usize, logits: usize, named: i32, ranges: usize, count: i32, limit: i32): void {
  const share: f32 = 1 / exponentials(logits, named);
  const shares = f32x4.splat(share);
  for (let range = 0; range < count; range++, ranges += 8) {
    let token = word(ranges, 0);
    const end = min(word(ranges, 1), limit);
    for (; token + 4 <= end; token += 4, logits += 16) {
      v128.store(out + (<usize>token << 2), f32x4.mul(v128.load(logits), shares));
    }
    for (; token < end; token++, logits += 4) store<f32>(out + (<usize>token << 2), load<f32>(logits) * share);
  }
}
