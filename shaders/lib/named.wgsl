// The first of a row's ranges that ends after `token`: among the `count` ranges of row `row` of `plan`.
// include: lib/plan.wgsl
fn range_after(shape: PlanShape, row: u32, count: u32, token: u32) -> u32 {
  var low = 0u;
  var high = count;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (plan[range_at(shape, row, middle) + 1u] <= token) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  return low;
}
