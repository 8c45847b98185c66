// A vector that a workgroup works on. What becomes of it does not depend on the number of threads.
override LANES: u32 = 64;
override CHANNELS: u32 = 1024; // that there is room for
var<workgroup> x: array<f32, CHANNELS>;

// Walsh-Hadamard transform of every block of `width` of its `dim` channels, without the factor 1 / √width.
fn rotate(dim: u32, width: u32, lane: u32) {
  for (var stride = 1u; stride < width; stride *= 2u) {
    for (var pair = lane; pair < dim / 2u; pair += LANES) {
      let c = (pair / stride) * 2u * stride + pair % stride;
      let a = x[c];
      let b = x[c + stride];
      x[c] = a + b;
      x[c + stride] = a - b;
    }
    workgroupBarrier();
  }
}
