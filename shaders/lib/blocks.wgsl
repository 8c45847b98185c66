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

fn codes_of(nibbles: u32) -> u32 {
  if (CURVED) {
    return curve(nibbles & 0x0f0f0f0fu);
  }
  return nibbles & 0x0f0f0f0fu;
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

fn added(sum: vec4f, row: u32, grain: u32, dot: vec4i, codes: vec4i, scales: vec4f) -> vec4f {
  let scale = scale_of(row, grain);
  var product = scale.x * vec4f(dot - PLUS * codes);
  if (MINIMUMS) {
    product = fma(vec4f(-scale.y), vec4f(codes), product);
  }
  return fma(scales, product, sum);
}

fn block_of(sum: vec4f, row: u32, quad: u32, block: u32) -> vec4f {
  let l = p.place;
  let at = quad * p.blocks + block;
  let scales = bitcast<vec4f>(x[p.scalesAt + at]);
  let first = bitcast<vec4i>(x[p.sumsAt + 2u * at]);
  let second = bitcast<vec4i>(x[p.sumsAt + 2u * at + 1u]);
  var low = vec4i(0);
  var high = vec4i(0);
  if (NIBBLES) {
    var begin = word_at(0u, l.panel, l.codeWords, row, block * 4u);
    for (var j = 0u; j < 4u; j += 1u) {
      let word = weight[begin];
      begin += l.panel;
      let even = select(j, j + 2u, SIXTEEN && j >= 2u);
      let odd = even + select(4u, 2u, SIXTEEN);
      let both = dots(codes_of(word), x[at * 8u + even]) + dots(codes_of(word >> 4u), x[at * 8u + odd]);
      if (SIXTEEN && j >= 2u) {
        high += both;
      } else {
        low += both;
      }
    }
  } else {
    var begin = word_at(0u, l.panel, l.codeWords, row, block * 8u);
    for (var j = 0u; j < 8u; j += 1u) {
      let some = dots(weight[begin], x[at * 8u + j]);
      begin += l.panel;
      if (SIXTEEN && j >= 4u) {
        high += some;
      } else {
        low += some;
      }
    }
  }
  if (SIXTEEN) {
    return added(added(sum, row, 2u * block, low, first, scales), row, 2u * block + 1u, high, second, scales);
  }
  return added(sum, row, block, low, first + second, scales);
}
