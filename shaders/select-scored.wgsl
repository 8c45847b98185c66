// Plans from scores: whole chunks, or sub-blocks, in descending score order until a tile's budget is spent, without sorting.
// The score at which it runs out is found digit by digit, in histograms of tokens; then every thread walks a run of
// neighbouring chunks twice: to count the ranges that begin there, and to write them. Of equal scores the later chunk comes
// first, NaN counts as −Infinity, and the first chunk that does not fit is cut at its start. A workgroup has one row.
// include: lib/plan.wgsl
// include: lib/forced.wgsl
override THREADS: u32 = 256; // 32 or 256: few for few scores. What is chosen does not depend on it
const NONE = 0xffffffffu;

struct Params {
  plan: PlanShape,
  keep: Keep,
  stride: u32, // of scores, which begin after as many words as there are rows
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> plan: array<u32>;
@group(1) @binding(1) var<storage, read_write> scores: array<u32>;
@group(1) @binding(2) var<storage, read> boundaries: array<u32>;
@group(1) @binding(3) var<storage, read> table: array<u32>;
var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> sums: array<u32, THREADS>;
var<workgroup> sixteens: array<u32, 16>; // sums of sixteen threads each
var<workgroup> firsts: array<u32, THREADS>; // where a run's first chunk begins to be read, or NONE
var<workgroup> lasts: array<u32, THREADS>;  // where its last chunk ends to be read
var<workgroup> total: atomic<u32>;
var<workgroup> massTop: atomic<u32>;
var<workgroup> threshold: u32;
var<workgroup> remainder: u32; // of the budget after all scores above the threshold
var<workgroup> meetsSinks: u32;
var<workgroup> meetsTail: u32;
var<private> is: Forced;
var<private> budget: u32;
var<private> scoresAt: u32;
var<private> everything: bool;
var<private> least: u32;
var<private> left: u32;
var<private> ties: u32; // tokens of all chunks at the threshold

// What of a chunk neither sinks nor tail cover.
fn piece_of(chunk: u32) -> vec2u {
  var start = p.keep.whole * chunk;
  var stop = start + p.keep.whole;
  if (p.keep.whole == 1u) {
    start = boundaries[1u + chunk];
    stop = boundaries[2u + chunk];
  }
  start = max(start, is.sinks);
  return vec2u(start, max(start, min(stop, is.forced)));
}

// Greater where the score is.
fn key_of(chunk: u32) -> u32 {
  var bits = scores[scoresAt + chunk];
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    bits = 0xff800000u;
  }
  if (bits == 0x80000000u) {
    bits = 0u;
  }
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

// Σ of `own` over the threads before, and Σ over all of them.
fn scan(own: u32, lane: u32) -> vec2u {
  sums[lane] = own;
  workgroupBarrier();
  let sixteen = lane / 16u;
  var before = 0u;
  for (var i = 16u * sixteen; i < lane; i += 1u) {
    before += sums[i];
  }
  if (lane % 16u == 15u) {
    sixteens[sixteen] = before + own;
  }
  workgroupBarrier();
  var all = 0u;
  for (var i = 0u; i < THREADS / 16u; i += 1u) {
    let some = sixteens[i];
    before += select(0u, some, i < sixteen);
    all += some;
  }
  workgroupBarrier();
  return vec2u(before, all);
}

fn clear_bins(lane: u32) {
  for (var bin = lane; bin < 256u; bin += THREADS) {
    atomicStore(&bins[bin], 0u);
  }
  workgroupBarrier();
}

// Where the sum over the bins, the greatest digit first, comes to the remainder: behind it where it `exceeds`, otherwise
// at it. Puts that digit into the threshold.
fn find_digit(found: u32, shift: u32, exceeds: bool, lane: u32) {
  workgroupBarrier();
  let each = 256u / THREADS;
  var own = 0u;
  for (var i = 0u; i < each; i += 1u) {
    own += atomicLoad(&bins[255u - lane * each - i]);
  }
  var above = scan(own, lane).x;
  let rest = remainder;
  workgroupBarrier();
  for (var i = 0u; i < each; i += 1u) {
    let bin = 255u - lane * each - i;
    let some = atomicLoad(&bins[bin]);
    let until = rest - select(0u, 1u, !exceeds && rest > 0u);
    if (above <= until && above + some > until) {
      threshold = found | (bin << shift);
      remainder = rest - above;
    }
    above += some;
  }
  workgroupBarrier();
}

// The bits of a score; 0 for what is no number, nothing, or less.
fn mass_of(chunk: u32) -> u32 {
  let bits = scores[scoresAt + chunk];
  return select(0u, bits, bits < 0x7f800000u);
}

// A score in whole steps of 2^−exponent, 1 − 64 ≤ exponent ≤ 127: as integers, since the least numbers are a device's own affair.
fn steps_of(mass: u32, exponent: i32) -> u32 {
  let shift = i32(mass >> 23u) - 150 + exponent;
  if (mass < 0x00800000u || shift <= -24) {
    return 0u;
  }
  let fraction = (mass & 0x7fffffu) | 0x800000u;
  return select(fraction >> u32(max(-shift, 0)), fraction << u32(max(shift, 0)), shift >= 0);
}

// Σ of `own` over all threads.
fn sum_of(own: u32, lane: u32) -> u32 {
  return scan(own, lane).y;
}

// Tokens of the best chunks that together hold the share of all scores that is enough: assembly/lib/mass-tokens.ts.
fn mass_tokens(n: u32, lane: u32) -> u32 {
  let run = (n + THREADS - 1u) / THREADS;
  let begin = min(lane * run, n);
  let end = min(begin + run, n);
  var own = 0u;
  for (var c = begin; c < end; c += 1u) {
    own = max(own, mass_of(c));
  }
  atomicMax(&massTop, own);
  workgroupBarrier();
  let top = atomicLoad(&massTop);
  let none = top < 0x21800000u; // 2⁻⁶⁰
  let coarse = 156 - i32(32u - countLeadingZeros(max(n, 1u) - 1u)) - i32(top >> 23u);
  own = 0u;
  for (var c = begin; c < end && !none; c += 1u) {
    own += steps_of(mass_of(c), coarse) + 1u;
  }
  let fine = coarse + i32(countLeadingZeros(sum_of(own, lane))) - 1;
  own = 0u;
  var free = 0u;
  for (var c = begin; c < end && !none; c += 1u) {
    let steps = steps_of(mass_of(c), fine);
    let piece = piece_of(c);
    own += steps;
    free += select(0u, steps, piece.x == piece.y);
  }
  let all = sum_of(own, lane);
  let covered = sum_of(free, lane);
  let need = (all >> 16u) * p.keep.share + (((all & 0xffffu) * p.keep.share + 0xffffu) >> 16u);
  if (lane == 0u) {
    threshold = 0u;
    remainder = need - min(covered, need);
  }
  var known = 0u; // bits of the least score that is taken
  for (var digit = 0u; digit < 4u; digit += 1u) {
    let shift = 24u - 8u * digit;
    clear_bins(lane);
    let found = threshold;
    for (var c = begin; c < end; c += 1u) {
      let mass = mass_of(c);
      let piece = piece_of(c);
      if (((mass ^ found) & known) == 0u && piece.x < piece.y) {
        atomicAdd(&bins[(mass >> shift) & 255u], steps_of(mass, fine));
      }
    }
    find_digit(found, shift, false, lane);
    known |= 255u << shift;
  }
  // Those above are taken, and of those equal to it the later ones.
  let low = threshold;
  let missing = remainder;
  var tokens = 0u;
  var equal = 0u;
  for (var c = begin; c < end; c += 1u) {
    let mass = mass_of(c);
    let piece = piece_of(c);
    if (piece.x < piece.y && mass > low) {
      tokens += piece.y - piece.x;
    }
    equal += select(0u, 1u, piece.x < piece.y && mass == low);
  }
  let ranks = scan(equal, lane);
  let each = max(1u, steps_of(low, fine));
  let taken = (missing + each - 1u) / each;
  var later = ranks.y - ranks.x; // equal ones from this run on
  for (var c = begin; c < end; c += 1u) {
    let piece = piece_of(c);
    if (piece.x < piece.y && mass_of(c) == low) {
      tokens += select(0u, piece.y - piece.x, later <= taken);
      later -= 1u;
    }
  }
  let found = sum_of(tokens, lane);
  return select(found, 0u, none || covered >= need);
}

// What is read of a chunk, empty where start is its end; `before`: tokens of earlier chunks at the threshold.
fn read_of(chunk: u32, before: ptr<function, u32>) -> vec2u {
  let piece = piece_of(chunk);
  let cost = piece.y - piece.x;
  if (everything || cost == 0u) {
    return piece;
  }
  let key = key_of(chunk);
  if (key != least) {
    return select(piece.yy, piece, key > least);
  }
  let later = ties - *before - cost;
  *before += cost;
  return vec2u(piece.y - min(cost, select(0u, left - later, left > later)), piece.y);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  is = forced_of(p.keep, row % p.plan.tiles);
  budget = is.left / p.keep.whole * p.keep.whole;
  scoresAt = p.plan.rows + row * p.stride;
  if (p.keep.share > 0u) {
    budget = min(budget, mass_tokens(is.n, lane));
  }
  let n = select(0u, is.n, budget > 0u);
  let run = (n + THREADS - 1u) / THREADS;
  let begin = min(lane * run, n);
  let end = min(begin + run, n);

  if (lane == 0u) {
    threshold = 0u;
    remainder = budget;
    meetsSinks = 0u;
    meetsTail = 0u;
  }
  var own = 0u;
  for (var chunk = begin; chunk < end; chunk += 1u) {
    let piece = piece_of(chunk);
    own += piece.y - piece.x;
  }
  atomicAdd(&total, own);
  var known = 0u; // bits of the threshold
  for (var digit = 0u; digit < 4u; digit += 1u) {
    let shift = 24u - 8u * digit;
    clear_bins(lane);
    let found = threshold;
    for (var chunk = begin; chunk < end; chunk += 1u) {
      let key = key_of(chunk);
      if (((key ^ found) & known) == 0u) {
        let piece = piece_of(chunk);
        atomicAdd(&bins[(key >> shift) & 255u], piece.y - piece.x);
      }
    }
    find_digit(found, shift, true, lane);
    known |= 255u << shift;
  }
  everything = atomicLoad(&total) <= budget;
  least = threshold;
  left = remainder;

  own = 0u;
  for (var chunk = begin; chunk < end && !everything; chunk += 1u) {
    if (key_of(chunk) == least) {
      let piece = piece_of(chunk);
      own += piece.y - piece.x;
    }
  }
  let tied = scan(own, lane);
  ties = tied.y;
  var before = tied.x;
  var first = NONE;
  var last = NONE;
  for (var chunk = begin; chunk < end; chunk += 1u) {
    let piece = read_of(chunk, &before);
    let taken = piece.y > piece.x;
    if (chunk == begin && taken) {
      first = piece.x;
    }
    last = select(NONE, piece.y, taken);
  }
  firsts[lane] = first;
  lasts[lane] = last;
  workgroupBarrier();
  let previous = select(NONE, lasts[max(lane, 1u) - 1u], lane > 0u);
  let next = select(NONE, firsts[min(lane + 1u, THREADS - 1u)], lane + 1u < THREADS);

  var starts = 0u;
  before = tied.x;
  var reached = previous;
  for (var chunk = begin; chunk < end; chunk += 1u) {
    let piece = read_of(chunk, &before);
    if (piece.y > piece.x) {
      let meets = is.sinks > 0u && piece.x == is.sinks;
      if (meets) {
        meetsSinks = 1u;
      }
      if (piece.y == is.forced) {
        meetsTail = 1u;
      }
      if (piece.x != reached && !meets) {
        starts += 1u;
      }
      reached = piece.y;
    } else {
      reached = NONE;
    }
  }
  let counted = scan(starts, lane);
  let sinks = select(0u, 1u, is.sinks > 0u);
  var slot = sinks + counted.x; // the next range to begin
  before = tied.x;
  reached = previous;
  for (var chunk = begin; chunk < end; chunk += 1u) {
    let piece = read_of(chunk, &before);
    if (piece.y == piece.x) {
      reached = NONE;
      continue;
    }
    if (piece.x != reached && !(is.sinks > 0u && piece.x == is.sinks)) {
      plan[range_at(p.plan, row, slot)] = piece.x;
      slot += 1u;
    }
    reached = piece.y;
    // Where the range goes on, whoever has the chunk that follows writes its end.
    var following = next;
    if (chunk + 1u < end) {
      var peek = before;
      let other = read_of(chunk + 1u, &peek);
      following = select(NONE, other.x, other.y > other.x);
    }
    if (piece.y == is.forced) {
      plan[range_at(p.plan, row, slot - 1u) + 1u] = is.end;
    } else if (piece.y != following) {
      plan[range_at(p.plan, row, slot - 1u) + 1u] = piece.y;
    }
  }

  if (lane == 0u) {
    let at = range_at(p.plan, row, 0u);
    var ranges = sinks + counted.y;
    if (is.forced <= is.sinks) {
      plan[at] = 0u;
      plan[at + 1u] = is.end;
      ranges = 1u;
    } else {
      if (sinks == 1u) {
        plan[at] = 0u;
        if (meetsSinks == 0u) {
          plan[at + 1u] = is.sinks;
        }
      }
      if (meetsTail == 0u) {
        let tail = range_at(p.plan, row, ranges);
        plan[tail] = is.forced;
        plan[tail + 1u] = is.end;
        ranges += 1u;
      }
    }
    plan[row] = ranges;
  }
}
