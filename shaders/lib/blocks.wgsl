// Products of a quantised weight's rows and activations, block by block of 32 inputs: integer dot products of codes, in f32 only
// the scales.
// include: lib/half.wgsl
// include: lib/dot4.wgsl
// include: lib/curve.wgsl
// include: lib/weight.wgsl
override NIBBLES: bool = false;  // codes have 4 bits
override CURVED: bool = false;   // and are indexes of a table
override SIXTEEN: bool = false;  // a scale for every 16 inputs, otherwise for every 32
override MINIMUMS: bool = false;
override FACTORS: bool = false;  // scales are int8, times an f16 for every 256 inputs
override PLUS: i32 = 0;          // what codes of 4 bits were raised by
override SINGLE: bool = false;   // there is one row only

struct Params {
  @size(32) place: Layout,
  outAt: u32,     // of the slice's first output in the first row
  outCols: u32,
  rows: u32,
  outputs: u32,   // of the slice
  blocks: u32,    // of 32 inputs
  partBlocks: u32,
  parts: u32,     // that a thread adds up: all, or 1
  biasAt: u32,    // of the slice's first output; none: 0xffffffff
  scalesAt: u32,  // in x, in vec4
  sumsAt: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;     // (rows, outCols), or (parts, quads · 4, outputs)
@group(1) @binding(1) var<storage, read_write> x: array<vec4u>;     // as panels.wgsl has them
@group(1) @binding(2) var<storage, read> weight: array<u32>;        // a slice
@group(1) @binding(3) var<storage, read> bias: array<f32>;          // (outputs of all slices)

fn dots(codes: u32, four: vec4u) -> vec4i {
  if (SINGLE) {
    return vec4i(dot4(codes, four.x), 0, 0, 0);
  }
  return vec4i(dot4(codes, four.x), dot4(codes, four.y), dot4(codes, four.z), dot4(codes, four.w));
}

fn codes_of(nibbles: vec4u) -> vec4u {
  let four = nibbles & vec4u(0x0f0f0f0fu);
  if (CURVED) {
    return vec4u(curve(four.x), curve(four.y), curve(four.z), curve(four.w));
  }
  return four;
}

// Scale and minimum of grain `grain` of a row.
fn scale_of(row: u32, grain: u32) -> vec2f {
  let l = p.place;
  let unit = select(grain, grain / select(8u, 16u, SIXTEEN), FACTORS);
  var factors = vec2f(0.0);
  if (MINIMUMS) {
    let word = weight[word_at(l.halvesAt, l.panel, l.halfWords, row, unit)];
    factors = vec2f(half(word & 0xffffu), half(word >> 16u));
  } else {
    let word = weight[word_at(l.halvesAt, l.panel, l.halfWords, row, unit / 2u)];
    factors.x = half((word >> ((unit & 1u) * 16u)) & 0xffffu);
  }
  if (FACTORS) {
    let words = select(2u, 4u, SIXTEEN); // of a unit's scales
    let at = unit * select(words, 2u * words, MINIMUMS) + (grain % (4u * words)) / 4u;
    factors.x *= f32(signed_byte(weight[word_at(l.smallsAt, l.panel, l.smallWords, row, at)], grain & 3u));
    if (MINIMUMS) {
      factors.y *= f32(signed_byte(weight[word_at(l.smallsAt, l.panel, l.smallWords, row, at + words)], grain & 3u));
    }
  }
  return factors;
}

// What a block of a row is made of: int8 codes, four in a word, of its first and of its second 16 inputs, and the scales and
// minimums of both.
struct Block {
  low: vec4u,
  high: vec4u,
  scale: vec2f,
  highScale: vec2f, // only where there is one for every 16 inputs
}

fn block_at(row: u32, block: u32) -> Block {
  let l = p.place;
  var is = Block();
  if (NIBBLES) {
    let at = word_at(0u, l.panel, l.codeWords, row, block * 4u);
    let words = vec4u(weight[at], weight[at + l.panel], weight[at + 2u * l.panel], weight[at + 3u * l.panel]);
    let even = codes_of(words);
    let odd = codes_of(words >> vec4u(4u));
    if (SIXTEEN) {
      is.low = vec4u(even.xy, odd.xy);
      is.high = vec4u(even.zw, odd.zw);
    } else {
      is.low = even;
      is.high = odd;
    }
  } else {
    let at = word_at(0u, l.panel, l.codeWords, row, block * 8u);
    is.low = vec4u(weight[at], weight[at + l.panel], weight[at + 2u * l.panel], weight[at + 3u * l.panel]);
    is.high = vec4u(weight[at + 4u * l.panel], weight[at + 5u * l.panel], weight[at + 6u * l.panel], weight[at + 7u * l.panel]);
  }
  if (SIXTEEN) {
    is.scale = scale_of(row, 2u * block);
    is.highScale = scale_of(row, 2u * block + 1u);
  } else {
    is.scale = scale_of(row, block);
  }
  return is;
}

fn dots_of(codes: vec4u, at: u32) -> vec4i {
  return dots(codes.x, x[at]) + dots(codes.y, x[at + 1u]) + dots(codes.z, x[at + 2u]) + dots(codes.w, x[at + 3u]);
}

fn added(sum: vec4f, scale: vec2f, dot: vec4i, codes: vec4i, scales: vec4f) -> vec4f {
  var product = scale.x * vec4f(dot - PLUS * codes);
  if (MINIMUMS) {
    product = fma(vec4f(-scale.y), vec4f(codes), product);
  }
  return fma(scales, product, sum);
}

// `sum`, and what the block gives to the four rows of a quad.
fn block_of(sum: vec4f, is: Block, quad: u32, block: u32) -> vec4f {
  let at = quad * p.blocks + block;
  let scales = bitcast<vec4f>(x[p.scalesAt + at]);
  let first = bitcast<vec4i>(x[p.sumsAt + 2u * at]);
  let second = bitcast<vec4i>(x[p.sumsAt + 2u * at + 1u]);
  let low = dots_of(is.low, at * 8u);
  let high = dots_of(is.high, at * 8u + 4u);
  if (SIXTEEN) {
    return added(added(sum, is.scale, low, first, scales), is.highScale, high, second, scales);
  }
  return added(sum, is.scale, low + high, first + second, scales);
}
