// How many boundaries are ≤ limit. `boundaries`: their number, then the boundaries, ascending; the first one is 0.
fn boundaries_up_to(limit: u32) -> u32 {
  var low = 0u;
  var high = boundaries[0];
  while (low < high) {
    let middle = (low + high) / 2u;
    if (boundaries[1u + middle] <= limit) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  return low;
}
