// out (rows, heads · width) = out, every head times its factor (MoH, arXiv 2410.11842 §3; assembly/route.ts). A workgroup has
// one row: its threads share the heads, the first three of them the softmaxes of shared heads, of used ones and of both kinds.
// include: lib/exp2.wgsl
struct Params {
  outAt: u32,
  scoresAt: u32,
  heads: u32,
  width: u32,
  cols: u32,    // of scores
  headDim: u32, // 0: scores are logits
  shared_heads: u32,
  used: u32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<f32>;
@group(1) @binding(1) var<storage, read_write> scores: array<f32>;
var<workgroup> values: array<f32, 1026>;  // MOST_ROUTED heads, and two
var<workgroup> factors: array<f32, 1026>;

// Factors that are not 0 become shares of `total`, by the softmax of their values.
fn share(first: u32, count: u32, total: f32) {
  var most = -3.4e38;
  for (var h = first; h < first + count; h++) {
    if (factors[h] != 0.0) {
      most = max(most, values[h]);
    }
  }
  var sum = 0.0;
  for (var h = first; h < first + count; h++) {
    if (factors[h] != 0.0) {
      factors[h] = exp2_of(max((values[h] - most) * 1.4426950408889634, -126.0));
      sum += factors[h];
    }
  }
  for (var h = first; h < first + count; h++) {
    factors[h] *= total / sum;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let begin = p.scoresAt + group.x * p.cols;
  let both = p.heads + 2u;
  for (var h = lane; h < both; h += 64u) {
    var value = 0.0;
    if (p.headDim == 0u) {
      if (h < p.cols) {
        value = scores[begin + h];
      }
    } else if (h < p.heads) {
      for (var c = 0u; c < p.headDim; c++) {
        let x = scores[begin + h * p.headDim + c];
        value = fma(x, x, value);
      }
    }
    values[h] = value;
  }
  workgroupBarrier();
  for (var h = lane; h < both; h += 64u) {
    var before = 0u;
    if (h >= p.shared_heads && h < p.heads) {
      for (var other = p.shared_heads; other < p.heads; other++) {
        let rival = values[other];
        if (rival > values[h] || (rival == values[h] && other < h)) {
          before++;
        }
      }
    }
    factors[h] = select(0.0, 1.0, before < p.used);
  }
  workgroupBarrier();
  if (p.headDim == 0u) {
    if (lane == 0u) {
      share(0u, p.shared_heads, f32(p.shared_heads));
    }
    if (lane == 1u) {
      share(p.shared_heads, p.heads - p.shared_heads, f32(p.used));
    }
    if (lane == 2u && p.shared_heads > 0u) {
      share(p.heads, 2u, 2.0);
    }
  }
  workgroupBarrier();
  let row = p.outAt + group.x * p.heads * p.width;
  for (var i = lane; i < p.heads * p.width; i += 64u) {
    let h = i / p.width;
    var factor = factors[h];
    if (p.headDim == 0u) {
      factor *= factors[p.heads + select(1u, 0u, h < p.shared_heads)];
    }
    out[row + i] *= factor;
  }
}
