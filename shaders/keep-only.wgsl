// What a plan names of what is kept. One thread for each row: both lists are walked once, in step.
// include: lib/plan.wgsl
struct Params {
  out: PlanShape,
  named: PlanShape,
  kept: PlanShape,
  tableAt: u32, // where each tile begins
  liftsAt: u32, // 0: none
  namedLiftsAt: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> plan: array<u32>;
@group(1) @binding(1) var<storage, read> named: array<u32>;
@group(1) @binding(2) var<storage, read> kept: array<u32>;
@group(1) @binding(3) var<storage, read> table: array<u32>;

// The row of a plan that serves this list and tile: it may have one of either for all.
fn row_of(shape: PlanShape, list: u32, tile: u32) -> u32 {
  return select(list, 0u, shape.lists == 1u) * shape.tiles + select(tile, 0u, shape.tiles == 1u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var row = id.x; row < p.out.rows; row += groups.x * 64u) {
    let tile = row % p.out.tiles;
    let source = row_of(p.named, row / p.out.tiles, tile);
    let among = row_of(p.kept, row / p.out.tiles, tile);
    let wanted = named[source];
    let choices = kept[among];
    let begins = table[p.tableAt + tile];
    let first = range_at(p.out, row, 0u);
    var at = first;
    var n = 0u;
    var k = 0u;
    while (n < wanted) {
      let one = range_at(p.named, source, n);
      let other = range_at(p.kept, among, k);
      // From the last range on, or from the first one that reaches the tile, there is no end.
      let open = k + 1u == choices || kept[other + 1u] >= begins;
      let start = max(named[one], select(kept[other], min(kept[other], begins), open));
      let stop = select(min(named[one + 1u], kept[other + 1u]), named[one + 1u], open);
      if (start < stop) {
        plan[at] = start;
        plan[at + 1u] = stop;
        if (p.liftsAt > 0u) {
          plan[p.liftsAt + row * p.out.capacity + (at - first) / 2u] = named[p.namedLiftsAt + source * p.named.capacity + n];
        }
        at += 2u;
      }
      if (open || named[one + 1u] <= kept[other + 1u]) {
        n += 1u;
      } else {
        k += 1u;
      }
    }
    plan[row] = (at - first) / 2u;
  }
}
