// out = x · wᵀ + bias for quantised weights: integer dot products of codes, in f32 only the scales.
//
// The blocks of 32 inputs are cut into parts; a part is summed up block by block, then the parts are, in order. One
// thread computes one output of four rows: all parts of them, or, where that would leave the machine idle (one row), one
// part, and parts.wgsl adds them up. Both are the same sums in the same order, so a row has the same bits in both.
// include: lib/blocks.wgsl
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  let quad = id.y;
  if (row >= p.outputs) {
    return;
  }
  var total = vec4f(0.0);
  for (var part = id.z * p.parts; part < (id.z + 1u) * p.parts; part += 1u) {
    var sum = vec4f(0.0);
    let end = min(p.blocks, (part + 1u) * p.partBlocks);
    for (var block = part * p.partBlocks; block < end; block += 1u) {
      sum = block_of(sum, row, quad, block);
    }
    total += sum;
  }
  if (p.biasAt != 0xffffffffu) {
    total += bias[p.biasAt + row];
  }
  for (var i = 0u; i < 4u && quad * 4u + i < p.rows; i += 1u) {
    out[p.outAt + (id.z * p.rows + quad * 4u + i) * p.outCols + row] = total[i];
  }
}
