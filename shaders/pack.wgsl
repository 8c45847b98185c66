// Rows of a weight as they were handed over (src/backends/row-formats.ts) into the layout of lib/weight.wgsl.
// One thread for each word of each row; the rows of a panel are neighbours.
// include: lib/weight.wgsl
struct Params {
  @size(32) place: Layout,
  rows: u32,          // that were handed over now
  first: u32,         // the row of the slice that the first of them is
  rowBytes: u32,
  unitBytes: u32,     // of a stretch that has scales of its own; 0: a row of elements
  unitCodeWords: u32,
  unitHalfBytes: u32,
  unitSmallWords: u32,
  lastMask: u32,      // of a row's last code word
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>; // a slice
@group(1) @binding(1) var<storage, read> raw: array<u32>;       // (rows, rowBytes), bytes

fn bytes_at(at: u32) -> u32 {
  let low = raw[at >> 2u];
  let shift = (at & 3u) * 8u;
  if (shift == 0u) {
    return low;
  }
  return (low >> shift) | (raw[(at >> 2u) + 1u] << (32u - shift));
}

fn code(row: u32, word: u32) -> u32 {
  let unit = word / p.unitCodeWords;
  let head = select(p.unitHalfBytes + 4u * p.unitSmallWords, 0u, p.unitBytes == 0u);
  let found = bytes_at(row * p.rowBytes + unit * p.unitBytes + head + 4u * (word % p.unitCodeWords));
  return select(found, found & p.lastMask, word + 1u == p.place.codeWords);
}

fn halves(row: u32, word: u32) -> u32 {
  if (p.unitHalfBytes == 4u) {
    return bytes_at(row * p.rowBytes + word * p.unitBytes);
  }
  let at = row * p.rowBytes + 2u * word * p.unitBytes;
  let low = bytes_at(at) & 0xffffu;
  return select(low, low | (bytes_at(at + p.unitBytes) << 16u), (2u * word + 1u) * p.unitBytes < p.rowBytes);
}

fn small(row: u32, word: u32) -> u32 {
  let unit = word / p.unitSmallWords;
  let at = row * p.rowBytes + unit * p.unitBytes + p.unitHalfBytes;
  return bytes_at(at + 4u * (word % p.unitSmallWords));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let l = p.place;
  let words = l.codeWords + l.halfWords + l.smallWords;
  for (var i = id.x; i < p.rows * words; i += groups.x * 64u) {
    let row = i % p.rows;
    let word = i / p.rows;
    let to = p.first + row;
    if (word < l.codeWords) {
      out[word_at(0u, l.panel, l.codeWords, to, word)] = code(row, word);
    } else if (word < l.codeWords + l.halfWords) {
      let w = word - l.codeWords;
      out[word_at(l.halvesAt, l.panel, l.halfWords, to, w)] = halves(row, w);
    } else {
      let w = word - l.codeWords - l.halfWords;
      out[word_at(l.smallsAt, l.panel, l.smallWords, to, w)] = small(row, w);
    }
  }
}
