// The plan of tiles that choose nothing: sinks and tail. One thread for each row of the plan.
// include: lib/plan.wgsl
// include: lib/forced.wgsl
struct Params {
  plan: PlanShape,
  keep: Keep,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> plan: array<u32>;
@group(1) @binding(1) var<storage, read_write> boundaries: array<u32>;
@group(1) @binding(2) var<storage, read> table: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var row = id.x; row < p.plan.rows; row += groups.x * 64u) {
    let is = forced_of(p.keep, row % p.plan.tiles);
    let apart = is.sinks > 0u && is.sinks < is.forced;
    var at = range_at(p.plan, row, 0u);
    if (apart) {
      plan[at] = 0u;
      plan[at + 1u] = is.sinks;
      at += 2u;
    }
    plan[at] = select(is.forced, 0u, is.forced <= is.sinks);
    plan[at + 1u] = is.end;
    plan[row] = select(1u, 2u, apart);
  }
}
