// matmul for one row. A workgroup has sixteen outputs and the sixteen parts of their inputs, a thread for each; the parts are
// added in the order of matmul.wgsl, so the bits are the same. For machines where a barrier costs less than another dispatch.
// include: lib/blocks.wgsl
var<workgroup> sums: array<f32, 256>; // (part, output)

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * 16u + lane % 16u;
  let part = lane / 16u;
  var sum = vec4f(0.0);
  if (row < p.outputs) {
    let end = min(p.blocks, (part + 1u) * p.partBlocks);
    for (var block = part * p.partBlocks; block < end; block += 1u) {
      sum = block_of(sum, block_at(row, block), 0u, block);
    }
  }
  sums[lane] = sum.x;
  workgroupBarrier();
  if (lane < 16u && row < p.outputs) {
    var total = 0.0;
    for (var i = 0u; i < p.parts; i += 1u) {
      total += sums[i * 16u + lane];
    }
    if (p.biasAt != 0xffffffffu) {
      total += bias[p.biasAt + row];
    }
    out[p.outAt + row] = total;
  }
}
