// Where chunks end: src/kv/boundaries.ts, page after page, in one workgroup. What lies past `limit` is forgotten first.
// include: lib/boundaries.wgsl
const FIXED = 0u;
const DELIMITERS = 1u;
const LONGEST = 64i; // no chunk that contrast finds is longer

struct Params {
  limit: u32,   // the last boundary that the pages before `page` may have decided
  page: u32,    // the first one to be looked at
  end: u32,
  source: u32,
  first: u32,   // fixed: size; delimiters: minimum; contrast: window
  second: u32,  // delimiters: maximum; contrast: per page
  minimum: i32, // contrast
  marksAt: u32, // delimiters: in `lists`, two words of bits a page
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> boundaries: array<u32>;
@group(1) @binding(1) var<storage, read_write> contrast: array<f32>; // (pages, 64)
@group(1) @binding(2) var<storage, read> lists: array<u32>;
var<workgroup> gaps: array<f32, 64>;
var<workgroup> taken: array<u32, 64>;
var<private> count: u32;
var<private> last: i32;

fn put(gap: i32) {
  boundaries[1u + count] = u32(gap);
  count += 1u;
  last = gap;
}

fn fixed(page: u32) {
  let end = 64u * (page + 1u);
  for (var gap = (64u * page / p.first + 1u) * p.first; gap <= end; gap += p.first) {
    put(i32(gap));
  }
}

fn delimiters(page: u32) {
  for (var i = 0u; i < 64u; i += 1u) {
    let gap = i32(64u * page + i + 1u);
    let length = u32(gap - last);
    let word = lists[p.marksAt + 2u * (page - p.page) + i / 32u];
    if (length >= p.second || (((word >> (i & 31u)) & 1u) == 1u && length >= p.first)) {
      put(gap);
    }
  }
}

fn cut_before(gap: i32) {
  while (gap - last > LONGEST) {
    put(last + LONGEST);
  }
}

// Greedy non-maximum suppression in descending contrast, earlier gaps first among equals.
fn suppressed(page: u32) {
  let begin = 64 * i32(page) - i32(p.first);
  for (var n = 0u; n < p.second; n += 1u) {
    var best = -1;
    var most = -1.0;
    for (var i = 0; i < 64; i += 1) {
      if (gaps[i] >= 0.0 && gaps[i] > most && begin + i - last > p.minimum) {
        best = i;
        most = gaps[i];
      }
    }
    if (best < 0) {
      break;
    }
    taken[best] = 1u;
    for (var i = max(0, best - p.minimum); i <= min(63, best + p.minimum); i += 1) {
      gaps[i] = -1.0;
    }
  }
  for (var i = 0; i < 64; i += 1) {
    if (taken[i] == 1u) {
      cut_before(begin + i);
      put(begin + i);
    }
  }
  cut_before(begin + 64);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  count = boundaries_up_to(p.limit);
  last = i32(boundaries[count]);
  for (var page = p.page; page < p.end; page += 1u) {
    workgroupBarrier();
    if (p.source > DELIMITERS) {
      gaps[lane] = contrast[(page - p.page) * 64u + lane];
      taken[lane] = 0u;
    }
    workgroupBarrier();
    if (lane == 0u) {
      if (p.source == FIXED) {
        fixed(page);
      } else if (p.source == DELIMITERS) {
        delimiters(page);
      } else {
        suppressed(page);
      }
    }
  }
  // Others look for the limit until here.
  storageBarrier();
  if (lane == 0u) {
    boundaries[0] = count;
  }
}
