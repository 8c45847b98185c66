// out = x · wᵀ + bias for quantised weights: integer dot products of codes, in f32 only the scales.
//
// The blocks of 32 inputs are cut into parts; a part is summed up block by block, then the parts are, in order. One
// thread computes one output of a few rows: all parts of them, or, where that would leave the machine idle (one row), one
// part, and parts.wgsl adds them up. Both are the same sums in the same order, so a row has the same bits in both, and in
// tiles of every size.
// include: lib/blocks.wgsl
// include: lib/tile.wgsl
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
  // Where there is no other, it is computed again, and not written.
  let second = min(quad + 1u, (p.rows - 1u) / 4u);
  var total = vec4f(0.0);
  var secondTotal = vec4f(0.0);
  for (var part = id.z * p.parts; part < (id.z + 1u) * p.parts; part += 1u) {
    var sum = vec4f(0.0);
    var secondSum = vec4f(0.0);
    let end = min(p.blocks, (part + 1u) * p.partBlocks);
    for (var block = part * p.partBlocks; block < end; block += 1u) {
      let is = block_at(row, block);
      sum = block_of(sum, is, quad, block);
      if (QUADS > 1u) {
        secondSum = block_of(secondSum, is, second, block);
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
