// Activations as quantised weights meet them: 32 at a time as int8 codes, code = x · (127 / max|x|), and a scale,
// max|x| / 127. Four rows stand side by side: word w of a block of rows 4q … 4q + 3 are four words in a row.
// One thread for each block of each row; rows behind the last are zeros.
// include: lib/quotients.wgsl
struct Params {
  xAt: u32,
  rows: u32,
  cols: u32,     // a multiple of 32
  scalesAt: u32, // words before the scales of the first block
  sumsAt: u32,   // words before the sums of codes, of 16 and 16 of a block
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>; // codes (quads, blocks · 8, 4), scales (quads, blocks, 4), sums (quads, blocks · 2, 4)
@group(1) @binding(1) var<storage, read_write> x: array<f32>;   // (rows, cols)

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let blocks = p.cols / 32u;
  let quads = (p.rows + 3u) / 4u;
  for (var i = id.x; i < quads * 4u * blocks; i += groups.x * 64u) {
    let row = i / blocks;
    let block = (row / 4u) * blocks + i % blocks; // of a quad
    let lane = row % 4u;
    let begin = p.xAt + row * p.cols + (i % blocks) * 32u;
    var most = 0u;
    if (row < p.rows) {
      // As bits, numbers are ordered as their magnitudes are, and NaN is greater than all of them.
      for (var c = 0u; c < 32u; c += 1u) {
        most = max(most, bitcast<u32>(x[begin + c]) & 0x7fffffffu);
      }
    }
    var scale = 0.0;
    var inverse = 0.0;
    if (most >= 0x7f800000u) {
      scale = bitcast<f32>(most | 0x7fc00000u);
    } else if (most >= 0x03800000u) { // 2⁻¹²⁰
      scale = by_127(most);
      inverse = of_127(most);
    }
    var sums = vec2i(0);
    for (var w = 0u; w < 8u; w += 1u) {
      var word = 0u;
      if (inverse != 0.0) {
        for (var byte = 0u; byte < 4u; byte += 1u) {
          let code = i32(round(x[begin + 4u * w + byte] * inverse));
          word |= (bitcast<u32>(code) & 0xffu) << (8u * byte);
          if (w < 4u) {
            sums.x += code;
          } else {
            sums.y += code;
          }
        }
      }
      out[(block * 8u + w) * 4u + lane] = word;
    }
    out[p.scalesAt + block * 4u + lane] = bitcast<u32>(scale);
    out[p.sumsAt + block * 8u + lane] = bitcast<u32>(sums.x);
    out[p.sumsAt + block * 8u + 4u + lane] = bitcast<u32>(sums.y);
  }
}
