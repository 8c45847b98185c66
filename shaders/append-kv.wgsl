// Encodes keys and values into the pages they belong to: docs/FORMAT.md, and src/codecs/ by which it is judged.
// A workgroup has one vector, of one token and KV head: x of the grid is the token, y the head, z keys or values. Numbers
// that share a word with a neighbour's (f16 scales) are put there by atomics; everything else is whole words of its own.
// include: lib/half.wgsl
// include: lib/to-half.wgsl
// include: lib/quotients.wgsl
// include: lib/rotate.wgsl
const F16 = 0u;
const Q8 = 1u;
const Q2 = 3u;
const HALF_MAX = 65504.0;

// Of keys (first) and values (second).
struct Params {
  at: vec2u,      // of the first token's vectors
  dim: vec2u,
  codec: vec2u,
  words: vec2u,   // of a head's block in a page
  position: u32,  // of the first token
  tableAt: u32,   // in `table`
  pageWords: u32,
  heads: u32,
  width: u32,     // of a rotated block of channels; 0: keys are not rotated
  norm: f32,      // 1 / √width
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> pages: array<atomic<u32>>;
@group(1) @binding(1) var<storage, read_write> k: array<f32>; // (tokens, heads · dim.x)
@group(1) @binding(2) var<storage, read_write> v: array<f32>; // (tokens, heads · dim.y)
@group(1) @binding(3) var<storage, read> table: array<u32>;   // places of the pages from that of `position` on
var<workgroup> most: atomic<u32>; // greatest magnitude, as bits

// NaN becomes 0, what is beyond ±limit becomes ±limit.
fn tame(value: f32, limit: f32) -> f32 {
  let size = bitcast<u32>(value) & 0x7fffffffu;
  if (size > 0x7f800000u) {
    return 0.0;
  }
  if (size > bitcast<u32>(limit)) {
    return select(limit, -limit, (bitcast<u32>(value) >> 31u) == 1u);
  }
  return value;
}

fn put_half(block: u32, index: u32, bits: u32) {
  let shift = (index & 1u) * 16u;
  atomicAnd(&pages[block + index / 2u], ~(0xffffu << shift));
  atomicOr(&pages[block + index / 2u], bits << shift);
}

// Of the greatest number and its quotient by the greatest code: the nearest half, or the next one up where a code would
// else pass `codes`.
fn scale_bits(greatest: f32, quotient: f32, codes: f32) -> u32 {
  let bits = to_half(quotient);
  let scale = half(bits);
  if (greatest > 0.0 && scale == 0.0) {
    return bits + 1u;
  }
  return select(bits, bits + 1u, greatest > 0.0 && round(greatest / scale) > codes);
}

fn half_below(value: f32) -> u32 {
  let bits = to_half(value);
  if (half(bits) <= value) {
    return bits;
  }
  if ((bits & 0x7fffu) == 0u) {
    return 0x8001u;
  }
  return select(bits - 1u, bits + 1u, (bits & 0x8000u) != 0u);
}

fn encode_f16(block: u32, dim: u32, token: u32, lane: u32) {
  for (var w = lane; w < dim / 2u; w += 64u) {
    let word = to_half(x[2u * w]) | (to_half(x[2u * w + 1u]) << 16u);
    atomicStore(&pages[block + token * dim / 2u + w], word);
  }
}

fn encode_q8(block: u32, dim: u32, token: u32, lane: u32) {
  let greatest = atomicLoad(&most);
  var quotient = 0.0;
  if (greatest >= 0x03800000u) {
    quotient = by_127(greatest);
  }
  let bits = scale_bits(bitcast<f32>(greatest), quotient, 127.0);
  let scale = half(bits);
  for (var w = lane; w < dim / 4u; w += 64u) {
    var word = 0u;
    if (scale != 0.0) {
      for (var byte = 0u; byte < 4u; byte += 1u) {
        let code = i32(clamp(round(x[4u * w + byte] / scale), -127.0, 127.0));
        word |= (bitcast<u32>(code) & 0xffu) << (8u * byte);
      }
    }
    atomicStore(&pages[block + token * dim / 4u + w], word);
  }
  if (lane == 0u) {
    put_half(block + 16u * dim, token, bits);
  }
}

// In codes of 4 or 2 bits. One thread has a group of 32 channels.
fn encode_groups(block: u32, dim: u32, token: u32, lane: u32, bits_each: u32) {
  let groups = (dim + 31u) / 32u;
  if (lane >= groups) {
    return;
  }
  let first = 32u * lane;
  let end = min(first + 32u, dim);
  var least = x[first];
  var greatest = x[first];
  for (var c = first; c < end; c += 1u) {
    least = min(least, x[c]);
    greatest = max(greatest, x[c]);
  }
  let low = half_below(least);
  let minimum = half(low);
  let codes = f32((1u << bits_each) - 1u);
  let bits = scale_bits(greatest - minimum, (greatest - minimum) / codes, codes);
  let scale = half(bits);
  let per_word = 32u / bits_each;
  for (var c = first; c < end; c += per_word) {
    var word = 0u;
    if (scale != 0.0) {
      for (var i = 0u; i < per_word; i += 1u) {
        word |= u32(clamp(round((x[c + i] - minimum) / scale), 0.0, codes)) << (bits_each * i);
      }
    }
    atomicStore(&pages[block + (token * dim + c) / per_word], word);
  }
  let scales = block + 2u * bits_each * dim;
  put_half(scales, token * groups + lane, bits);
  put_half(scales + 32u * groups, token * groups + lane, low);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = group.z;
  let dim = select(p.dim.x, p.dim.y, part == 1u);
  let codec = select(p.codec.x, p.codec.y, part == 1u);
  let rotated = part == 0u && p.width > 0u;
  let source = (group.x * p.heads + group.y) * dim;
  let limit = select(HALF_MAX, HALF_MAX * 127.0, codec == Q8 && !rotated);
  for (var c = lane; c < dim; c += 64u) {
    if (part == 0u) {
      x[c] = tame(k[p.at.x + source + c], limit);
    } else {
      x[c] = tame(v[p.at.y + source + c], limit);
    }
  }
  workgroupBarrier();
  if (rotated) {
    rotate(dim, p.width, lane);
    for (var c = lane; c < dim; c += 64u) {
      x[c] = tame(x[c] * p.norm, select(HALF_MAX, HALF_MAX * 127.0, codec == Q8));
    }
    workgroupBarrier();
  }
  for (var c = lane; c < dim; c += 64u) {
    atomicMax(&most, bitcast<u32>(x[c]) & 0x7fffffffu);
  }
  workgroupBarrier();
  let token = (p.position + group.x) % 64u;
  let page = table[p.tableAt + (p.position % 64u + group.x) / 64u];
  let block = page * p.pageWords + group.y * (p.words.x + p.words.y) + part * p.words.x;
  if (codec == F16) {
    encode_f16(block, dim, token, lane);
  } else if (codec == Q8) {
    encode_q8(block, dim, token, lane);
  } else {
    encode_groups(block, dim, token, lane, select(4u, 2u, codec == Q2));
  }
}
