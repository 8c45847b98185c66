// out = the mean of each tile's asking rows, added in ascending order. A workgroup has one head (y) of a tile (x).
struct Params {
  qAt: u32,
  cols: u32,
  dim: u32,
  tableAt: u32, // three words a tile: limit, first row, rows
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>; // (tiles, cols)
@group(1) @binding(1) var<storage, read_write> q: array<f32>;   // (rows, cols)
@group(1) @binding(2) var<storage, read> lists: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = lists[p.tableAt + 3u * group.x + 1u];
  let rows = lists[p.tableAt + 3u * group.x + 2u];
  for (var c = group.y * p.dim + lane; c < (group.y + 1u) * p.dim; c += 64u) {
    var sum = 0.0;
    for (var row = first; row < first + rows; row += 1u) {
      sum += q[p.qAt + row * p.cols + c];
    }
    out[group.x * p.cols + c] = sum / f32(rows);
  }
}
