// The last tile of a plan as the only one of another, reaching to `end`. One thread for each range there is room for.
// include: lib/plan.wgsl
struct Params {
  plan: PlanShape,
  before: u32, // tiles of the plan that is read
  end: u32,
  liftsAt: u32,  // 0: none
  oldLiftsAt: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> plan: array<u32>;
@group(1) @binding(1) var<storage, read_write> old: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let source = PlanShape(p.plan.lists * p.before, p.before, p.plan.capacity, p.plan.lists);
  for (var i = id.x; i < p.plan.lists * p.plan.capacity; i += groups.x * 64u) {
    let list = i / p.plan.capacity;
    let range = i % p.plan.capacity;
    let row = (list + 1u) * p.before - 1u;
    let count = old[row];
    if (range == 0u) {
      plan[list] = count;
    }
    if (range < count) {
      let begin = range_at(source, row, range);
      let to = range_at(p.plan, list, range);
      plan[to] = old[begin];
      plan[to + 1u] = select(old[begin + 1u], p.end, range + 1u == count);
      if (p.liftsAt > 0u) {
        plan[p.liftsAt + i] = old[p.oldLiftsAt + row * p.plan.capacity + range];
      }
    }
  }
}
