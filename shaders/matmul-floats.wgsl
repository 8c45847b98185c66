// out = x · wᵀ + bias for weights of f32, f16 or bf16, in f32. Parts and threads as in matmul.wgsl.
// include: lib/half.wgsl
// include: lib/weight.wgsl
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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= p.outputs) {
    return;
  }
  // Where there are fewer than four rows left, the last is computed again and not written.
  let rows = min(vec4u(id.y * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(p.rows - 1u));
  let begin = vec4u(p.xAt) + rows * p.inputs;
  let l = p.place;
  var total = vec4f(0.0);
  for (var part = id.z * p.parts; part < (id.z + 1u) * p.parts; part += 1u) {
    var sum = vec4f(0.0);
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
      sum = fma(vec4f(x[begin.x + i], x[begin.y + i], x[begin.z + i], x[begin.w + i]), vec4f(w), sum);
      if (PAIRS && i + 1u < end) {
        if (BRAIN) {
          w = bitcast<f32>(word & 0xffff0000u);
        } else {
          w = half(word >> 16u);
        }
        sum = fma(vec4f(x[begin.x + i + 1u], x[begin.y + i + 1u], x[begin.z + i + 1u], x[begin.w + i + 1u]), vec4f(w), sum);
      }
    }
    total += sum;
  }
  if (p.biasAt != 0xffffffffu) {
    total += bias[p.biasAt + row];
  }
  for (var i = 0u; i < 4u && id.y * 4u + i < p.rows; i += 1u) {
    out[p.outAt + (id.z * p.rows + id.y * 4u + i) * p.outCols + row] = total[i];
  }
}
