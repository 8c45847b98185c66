// out = x · wᵀ + bias for weights of f32, f16 or bf16, in f32. Parts and threads as in matmul.wgsl.
// include: lib/half.wgsl
// include: lib/weight.wgsl
// include: lib/tile.wgsl
override PAIRS: bool = false; // two weights in a word
override BRAIN: bool = false; // of bf16, otherwise f16

struct Params {
  @size(32) place: Layout,
  outAt: u32,      // of the slice's first output in the first row
  outCols: u32,
  rows: u32,
  outputs: u32,    // of the slice
  inputs: u32,
  partInputs: u32, // even
  parts: u32,      // that a thread adds up: all, or 1
  biasAt: u32,     // of the slice's first output; none: 0xffffffff
  xAt: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>; // (rows, outCols), or (parts, rows, outputs)
@group(1) @binding(1) var<storage, read_write> x: array<f32>;   // (rows, inputs)
@group(1) @binding(2) var<storage, read> weight: array<u32>;    // a slice
@group(1) @binding(3) var<storage, read> bias: array<f32>;      // (outputs of all slices)

// Rows behind the last are computed again, and not written.
fn begins_of(quad: u32) -> vec4u {
  return vec4u(p.xAt) + min(vec4u(quad * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(p.rows - 1u)) * p.inputs;
}

// `sum`, and the products of a weight and input i of four rows.
fn times(sum: vec4f, begin: vec4u, i: u32, w: f32) -> vec4f {
  return fma(vec4f(x[begin.x + i], x[begin.y + i], x[begin.z + i], x[begin.w + i]), vec4f(w), sum);
}

fn put(total: vec4f, quad: u32, row: u32, part: u32) {
  for (var i = 0u; i < 4u && quad * 4u + i < p.rows; i += 1u) {
    out[p.outAt + (part * p.rows + quad * 4u + i) * p.outCols + row] = total[i];
  }
}

@compute @workgroup_size(OUTPUTS)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= p.outputs) {
    return;
  }
  let quad = id.y * QUADS;
  let first = begins_of(quad);
  let second = begins_of(quad + 1u);
  let l = p.place;
  var total = vec4f(0.0);
  var secondTotal = vec4f(0.0);
  for (var part = id.z * p.parts; part < (id.z + 1u) * p.parts; part += 1u) {
    var sum = vec4f(0.0);
    var secondSum = vec4f(0.0);
    let end = min(p.inputs, (part + 1u) * p.partInputs);
    for (var i = part * p.partInputs; i < end; i += select(1u, 2u, PAIRS)) {
      let word = weight[word_at(0u, l.panel, l.codeWords, row, select(i, i / 2u, PAIRS))];
      var w = bitcast<f32>(word);
      if (PAIRS) {
        if (BRAIN) {
          w = bitcast<f32>(word << 16u);
        } else {
          w = half(word & 0xffffu);
        }
      }
      sum = times(sum, first, i, w);
      if (QUADS > 1u) {
        secondSum = times(secondSum, second, i, w);
      }
      if (PAIRS && i + 1u < end) {
        if (BRAIN) {
          w = bitcast<f32>(word & 0xffff0000u);
        } else {
          w = half(word >> 16u);
        }
        sum = times(sum, first, i + 1u, w);
        if (QUADS > 1u) {
          secondSum = times(secondSum, second, i + 1u, w);
        }
      }
    }
    total += sum;
    secondTotal += secondSum;
  }
  if (p.biasAt != 0xffffffffu) {
    total += bias[p.biasAt + row];
    secondTotal += bias[p.biasAt + row];
  }
  put(total, quad, row, id.z);
  if (QUADS > 1u) {
    put(secondTotal, quad + 1u, row, id.z);
  }
}
