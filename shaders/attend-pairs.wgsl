// (row, key) pairs that `attend` reads, added to the plan's counter; and whether one of its pages is cold. One thread for
// each row of each list.
// include: lib/plan.wgsl
struct Params {
  plan: PlanShape,
  position: u32,
  rows: u32,
  tileRows: u32,
  window: u32,
  begin: u32,  // keys at positions [begin, end) are read
  end: u32,
  someCold: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> pairs: array<atomic<u32>>; // low and high word
@group(1) @binding(1) var<storage, read_write> faults: array<u32>;
@group(1) @binding(2) var<storage, read> plan: array<u32>;
@group(1) @binding(3) var<storage, read_write> places: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < p.plan.lists * p.rows; i += groups.x * 64u) {
    let position = p.position + i % p.rows;
    let tile = position / p.tileRows - p.position / p.tileRows;
    let row = (i / p.rows) * p.plan.tiles + tile;
    let oldest = max(p.begin, select(position + 1u - p.window, 0u, position + 1u < p.window));
    let last = min(p.end, position + 1u);
    var sum = 0u;
    for (var range = 0u; range < plan[row]; range += 1u) {
      let at = range_at(p.plan, row, range);
      let start = max(plan[at], oldest);
      let end = min(plan[at + 1u], last);
      if (start >= end) {
        continue;
      }
      sum += end - start;
      if (p.someCold != 0u) {
        for (var page = start / 64u; page <= (end - 1u) / 64u; page += 1u) {
          if (places[page] == 0xffffffffu) {
            faults[0] = page + 1u;
          }
        }
      }
    }
    let before = atomicAdd(&pairs[0], sum);
    if (before + sum < before) {
      atomicAdd(&pairs[1], 1u);
    }
  }
}
