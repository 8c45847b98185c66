// Keys as pages store them (docs/FORMAT.md), four channels at a time; `table` has the places of the pages. Code times scale
// has 18 bits: exact in f32.
struct Keys {
  codec: u32,     // 0: f16, 1: q8, 2: q4
  dim: u32,
  headWords: u32, // of a KV head's keys and values in a page
  pageWords: u32,
}

// The word that a head's keys in the page of `token` begin with.
fn block_at(keys: Keys, head: u32, token: u32) -> u32 {
  return table[token / 64u] * keys.pageWords + head * keys.headWords;
}

fn key_scale(keys: Keys, block: u32, token: u32) -> f32 {
  if (keys.codec != 1u) {
    return 1.0;
  }
  let inside = token % 64u;
  return half((pages[block + 16u * keys.dim + inside / 2u] >> (16u * (inside & 1u))) & 0xffffu);
}

// Channels 4w … 4w + 3.
fn key_four(keys: Keys, block: u32, token: u32, scale: f32, w: u32) -> vec4f {
  let inside = token % 64u;
  if (keys.codec == 0u) {
    let at = block + inside * (keys.dim / 2u) + 2u * w;
    let low = pages[at];
    let high = pages[at + 1u];
    return vec4f(half(low & 0xffffu), half(low >> 16u), half(high & 0xffffu), half(high >> 16u));
  }
  if (keys.codec == 2u) {
    let groups = (keys.dim + 31u) / 32u;
    let index = inside * groups + w / 8u;
    let shift = 16u * (index & 1u);
    let of_group = half((pages[block + 8u * keys.dim + index / 2u] >> shift) & 0xffffu);
    let least = half((pages[block + 8u * keys.dim + 32u * groups + index / 2u] >> shift) & 0xffffu);
    let codes = pages[block + inside * (keys.dim / 8u) + w / 2u] >> ((w & 1u) * 16u);
    return fma(vec4f(of_group), vec4f(vec4u(codes, codes >> 4u, codes >> 8u, codes >> 12u) & vec4u(15u)), vec4f(least));
  }
  let word = pages[block + inside * (keys.dim / 4u) + w];
  return vec4f(vec4i(bitcast<vec4i>(vec4u(word << 24u, word << 16u, word << 8u, word)) >> vec4u(24u))) * scale;
}
