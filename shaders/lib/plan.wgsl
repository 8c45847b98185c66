// Ranges of rows; row = list · tiles + tile. The numbers of them come first, then the ranges, from word `rows` on: two
// words each, start and end, room for `capacity` of them in a row.
struct PlanShape {
  rows: u32,
  tiles: u32,
  capacity: u32,
  lists: u32,
}

// The word of range `i` of a row.
fn range_at(plan: PlanShape, row: u32, i: u32) -> u32 {
  return plan.rows + 2u * (row * plan.capacity + i);
}
