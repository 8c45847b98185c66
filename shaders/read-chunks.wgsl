// Gathers what an index holds for some pages in the order in which it is stored: the number of boundaries that they decided,
// these boundaries, then, layer by layer, the means of the chunks that they closed, the sketches of the pages and their bounds.
// One thread for each word of one layer, or of what comes before all of them.
// include: lib/boundaries.wgsl
struct Params {
  begin: u32,       // the last boundary that the pages before may have decided
  end: u32,         // and these pages
  layer: u32,
  header: u32,      // 1: what comes before the layers
  meanWords: u32,   // of a chunk
  sketchWords: u32, // of the pages, together
  sketchesAt: u32,
  boundWords: u32,  // of the pages, together
  boundsAt: u32,
  words: u32,       // at most
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;
@group(1) @binding(1) var<storage, read> boundaries: array<u32>;
@group(1) @binding(2) var<storage, read> means: array<u32>;
@group(1) @binding(3) var<storage, read> sketches: array<u32>;
@group(1) @binding(4) var<storage, read> bounds: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let first = boundaries_up_to(p.begin);
  let closed = boundaries_up_to(p.end) - first;
  if (p.header != 0u) {
    for (var i = id.x; i <= closed; i += groups.x * 64u) {
      if (i == 0u) {
        out[0] = closed;
      } else {
        out[i] = boundaries[first + i];
      }
    }
    return;
  }
  let words = closed * p.meanWords + p.sketchWords + p.boundWords;
  let at = 1u + closed + p.layer * words;
  let planes = closed * p.meanWords;
  for (var i = id.x; i < words; i += groups.x * 64u) {
    if (i < planes) {
      out[at + i] = means[(first - 1u) * p.meanWords + i];
    } else if (i < planes + p.sketchWords) {
      out[at + i] = sketches[p.sketchesAt + i - planes];
    } else {
      out[at + i] = bounds[p.boundsAt + i - planes - p.sketchWords];
    }
  }
}
