// Logits of the tokens that ranges name, exact over the stored keys: what sums of attention are made of.
import { hadamard } from './hadamard';
import { halves4 } from './halves';
import { F16, PAGE, Q8, decodeBlock } from './page';
import { quantizeQuery, sums4 } from './query';

/** Bytes of one head's logits of at most so many tokens. */
// @ts-ignore: decorator
@inline
export function rowBytes(tokens: i32): usize {
  return <usize>((tokens + 8) & -4) << 2;
}

/**
 * logits (heads, rowBytes(tokens)) of one row of q (heads, dim) of one KV head: those of the tokens that `ranges` name
 * below `limit`, in ascending order, at most `tokens` of them; gives how many. q8 keys meet the query as i16 (absmax /
 * 8191). Behind the logits: scratch of heads · (4 · dim + 4) + 16 · dim bytes.
 */
export function tokenLogits(
  logits: usize, q: usize, heads: i32, table: usize, headAt: i32, codec: i32, dim: i32, ranges: usize, count: i32,
  limit: i32, tokens: i32, scale: f32,
): i32 {
  const row = rowBytes(tokens);
  const rotated = logits + <usize>heads * row;
  const query = rotated + (<usize>dim << 4);
  const steps = query + (<usize>(heads * dim) << 1);
  if (codec == Q8) {
    for (let head = 0; head < heads; head++) {
      memory.copy(rotated, q + (<usize>(head * dim) << 2), <usize>dim << 2);
      hadamard(rotated, dim);
      const step = quantizeQuery(query + (<usize>(head * dim) << 1), rotated, dim);
      store<f32>(steps + (<usize>head << 2), step * scale);
    }
  } else if (codec != F16) {
    memory.copy(query, q, <usize>(heads * dim) << 2);
    for (let head = 0; head < heads; head++) hadamard(query + (<usize>(head * dim) << 2), dim);
    q = query;
  }

  let named = 0;
  for (let range = 0; range < count; range++) {
    let token = <i32>load<u32>(ranges + (<usize>range << 3));
    const end = min<i32>(<i32>load<u32>(ranges + (<usize>range << 3), 4), limit);
    while (token < end) {
      const page = token >> 6;
      const stop = min(end, (page + 1) << 6);
      const block = <usize>load<u32>(table + (<usize>page << 2)) + <usize>headAt;
      const out = logits + (<usize>named << 2);
      if (codec == Q8) codeLogits(out, row, query, steps, heads, block, dim, token & 63, stop - token);
      else plainLogits(out, row, q, heads, block, codec, dim, token & 63, stop - token, scale, rotated);
      named += stop - token;
      token = stop;
    }
  }
  return named;
}

/** Logits of `count` tokens from `from` on for every head, `rowBytes` apart; writes up to three more than `count`. */
// @ts-ignore: decorator
@inline
function codeLogits(
  out: usize, rowBytes: usize, query: usize, steps: usize, heads: i32, block: usize, dim: i32, from: i32, count: i32,
): void {
  const scales = block + <usize>(PAGE * dim);
  const stride = <usize>dim;
  // The last group may run past the page's codes: it reads scales as codes, and those logits are not looked at.
  for (let token = from; token < from + count; token += 4, out += 16) {
    const codes = block + <usize>(token * dim);
    const scale = halves4(scales + (<usize>token << 1));
    let at = out;
    let head = 0;
    for (; head + 1 < heads; head += 2, at += rowBytes << 1) {
      const q = query + (<usize>(head * dim) << 1);
      let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
      let b0 = i32x4.splat(0), b1 = i32x4.splat(0), b2 = i32x4.splat(0), b3 = i32x4.splat(0);
      for (let channel: usize = 0; channel < stride; channel += 8) {
        const qa = v128.load(q + (channel << 1));
        const qb = v128.load(q + (channel << 1) + (stride << 1));
        const p = codes + channel;
        const k0 = v128.load8x8_s(p);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(k0, qa));
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(k0, qb));
        const k1 = v128.load8x8_s(p + stride);
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(k1, qa));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(k1, qb));
        const k2 = v128.load8x8_s(p + 2 * stride);
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(k2, qa));
        b2 = i32x4.add(b2, i32x4.dot_i16x8_s(k2, qb));
        const k3 = v128.load8x8_s(p + 3 * stride);
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(k3, qa));
        b3 = i32x4.add(b3, i32x4.dot_i16x8_s(k3, qb));
      }
      put(at, sums4(a0, a1, a2, a3), scale, steps + (<usize>head << 2));
      put(at + rowBytes, sums4(b0, b1, b2, b3), scale, steps + (<usize>head << 2) + 4);
    }
    if (head < heads) {
      const q = query + (<usize>(head * dim) << 1);
      let a0 = i32x4.splat(0), a1 = i32x4.splat(0), a2 = i32x4.splat(0), a3 = i32x4.splat(0);
      for (let channel: usize = 0; channel < stride; channel += 8) {
        const qa = v128.load(q + (channel << 1));
        const p = codes + channel;
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.load8x8_s(p), qa));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.load8x8_s(p + stride), qa));
        a2 = i32x4.add(a2, i32x4.dot_i16x8_s(v128.load8x8_s(p + 2 * stride), qa));
        a3 = i32x4.add(a3, i32x4.dot_i16x8_s(v128.load8x8_s(p + 3 * stride), qa));
      }
      put(at, sums4(a0, a1, a2, a3), scale, steps + (<usize>head << 2));
    }
  }
}

// @ts-ignore: decorator
@inline
function put(at: usize, sums: v128, scale: v128, step: usize): void {
  v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(sums), f32x4.mul(scale, v128.load32_splat(step))));
}

/** As `codeLogits`, for keys of other codecs; `keys` is room for four of them as f32. */
// @ts-ignore: decorator
@inline
function plainLogits(
  out: usize, rowBytes: usize, q: usize, heads: i32, block: usize, codec: i32, dim: i32, from: i32, count: i32,
  scale: f32, keys: usize,
): void {
  const row = <usize>dim << 2;
  for (let token = from; token < from + count; token += 4, out += 16) {
    decodeBlock(keys, block, codec, dim, token, min(4, from + count - token));
    for (let head = 0; head < heads; head++) {
      const query = q + <usize>head * row;
      let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
      for (let at: usize = 0; at < row; at += 16) {
        const x = v128.load(query + at);
        const p = keys + at;
        a0 = f32x4.add(a0, f32x4.mul(x, v128.load(p)));
        a1 = f32x4.add(a1, f32x4.mul(x, v128.load(p + row)));
        a2 = f32x4.add(a2, f32x4.mul(x, v128.load(p + 2 * row)));
        a3 = f32x4.add(a3, f32x4.mul(x, v128.load(p + 3 * row)));
      }
      const ab = f32x4.add(v128.shuffle<i32>(a0, a1, 0, 1, 4, 5), v128.shuffle<i32>(a0, a1, 2, 3, 6, 7));
      const cd = f32x4.add(v128.shuffle<i32>(a2, a3, 0, 1, 4, 5), v128.shuffle<i32>(a2, a3, 2, 3, 6, 7));
      const sums = f32x4.add(v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), v128.shuffle<i32>(ab, cd, 1, 3, 5, 7));
      v128.store(out + <usize>head * rowBytes, f32x4.mul(sums, f32x4.splat(scale)));
    }
  }
}
