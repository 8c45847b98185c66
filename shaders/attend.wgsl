// Attention over a plan: softmax(scale · q·Kᵀ) · V over the ranges that a tile reads, causal inside them.
//
// A workgroup has up to 16 queries of one tile and KV head (rows and the query heads that share its keys) and goes through
// the pages that the ranges name. A page is met as a whole: its greatest logit, its sum of weights, its weighted values,
// which then join what the pages before gave (lib/merged.wgsl). With SPLIT the pages are shared among workgroups, what
// each page gives is written down, and merge.wgsl joins it, page by page in the same order: a row has the same bits
// however its pages are shared, cut into passes, and whichever rows stand beside it.
// include: lib/half.wgsl
// include: lib/exp2.wgsl
// include: lib/tanh.wgsl
// include: lib/dot4.wgsl
// include: lib/plan.wgsl
// include: lib/slots.wgsl
// include: lib/merged.wgsl
override SPLIT: bool = false;
const F16 = 0u;
const Q8 = 1u;
const Q2 = 3u;
const BEGINS = 1u; // where the pass before left off
const ENDS = 2u;   // writes `out`; otherwise `carry`
const SUMS = 4u;   // and log-sum-exps

struct Params {
  plan: PlanShape,
  @size(32) slots: Slots,
  dim: vec2u,      // of keys and of values
  codec: vec2u,
  words: vec2u,    // of a head's blocks in a page
  pageWords: u32,
  quads: u32,      // of a workgroup
  scalesAt: u32,   // in queries, in vec4
  window: u32,
  begin: u32,      // keys at positions [begin, end) are read
  end: u32,
  outAt: u32,
  sumsAt: u32,
  carryAt: u32,
  flags: u32,
  splits: u32,     // workgroups that share the pages of a tile's queries
  room: u32,       // pages that can be written down
  cap: f32,        // of logits; 0: none
  perCap: f32,
  skipBelow: f32,  // 1e38 and more: nothing is skipped
  liftsAt: u32,    // in the plan; 0: it has none
}
@group(0) @binding(0) var<uniform> p: Params;
@group(1) @binding(0) var<storage, read_write> out: array<u32>;      // (rows, heads · dim.y), or what pages give
@group(1) @binding(1) var<storage, read_write> queries: array<vec4u>; // queries.wgsl
@group(1) @binding(2) var<storage, read_write> pages: array<u32>;
@group(1) @binding(3) var<storage, read_write> places: array<u32>;
@group(1) @binding(4) var<storage, read> plan: array<u32>;
@group(1) @binding(5) var<storage, read_write> sumsOut: array<f32>;  // (rows, heads)
@group(1) @binding(6) var<storage, read_write> carry: array<f32>;    // (rows · heads, dim.y + 2)

// Rows of 65: threads that read the same key of different queries meet different banks.
var<workgroup> weights: array<f32, 1040>;  // logits first; (query, key)
var<workgroup> partSums: array<f32, 64>;   // of 16 keys; (query, part)
var<workgroup> partMost: array<f32, 64>;   // greatest weight · scale of a value
var<workgroup> here: array<f32, 16>;       // greatest logit of the page
var<workgroup> tops: array<f32, 16>;
var<workgroup> sums: array<f32, 16>;
var<workgroup> fades: array<vec2f, 16>;
var<workgroup> mixed: array<vec4f, 512>;   // (query, dim.y / 4)

fn half_at(block: u32, index: u32) -> f32 {
  return half((pages[block + index / 2u] >> ((index & 1u) * 16u)) & 0xffffu);
}

fn bytes_of(word: u32) -> vec4f {
  return vec4f(vec4i(vec4u(word << 24u, word << 16u, word << 8u, word)) >> vec4u(24u));
}

// Channels 4 · word … 4 · word + 3 of a token in a block of q4 or q2: codes of `bits` bits.
fn four_of(block: u32, dim: u32, token: u32, word: u32, bits: u32) -> vec4f {
  let groups = (dim + 31u) / 32u;
  let index = token * groups + word / 8u;
  let scales = block + 2u * bits * dim;
  let scale = half_at(scales, index);
  let minimum = half_at(scales + 32u * groups, index);
  let at = (token * dim + 4u * word) * bits;
  let codes = vec4u(pages[block + at / 32u] >> (at & 31u));
  let four = vec4f((codes >> (vec4u(0u, 1u, 2u, 3u) * bits)) & vec4u((1u << bits) - 1u));
  return fma(vec4f(scale), four, vec4f(minimum));
}

// A quad's logits for one key.
fn logits_of(quad: u32, block: u32, token: u32) -> vec4f {
  let scales = bitcast<vec4f>(queries[p.scalesAt + quad]);
  var logits = vec4f(0.0);
  if (p.codec.x == Q8) {
    let words = p.dim.x / 4u;
    var high = vec4i(0);
    var low = vec4i(0);
    for (var w = 0u; w < words; w += 1u) {
      let codes = pages[block + token * words + w];
      let a = queries[(quad * words + w) * 2u];
      let b = queries[(quad * words + w) * 2u + 1u];
      high += vec4i(dot4(codes, a.x), dot4(codes, a.y), dot4(codes, a.z), dot4(codes, a.w));
      low += vec4i(dot4(codes, b.x), dot4(codes, b.y), dot4(codes, b.z), dot4(codes, b.w));
    }
    logits = vec4f(128 * high + low) * (scales * half_at(block + 16u * p.dim.x, token));
  } else if (p.codec.x == F16) {
    // Sixteen at a time: sums of many channels keep their last bits.
    for (var begin = 0u; begin < p.dim.x; begin += 16u) {
      var some = vec4f(0.0);
      for (var c = begin; c < begin + 16u; c += 2u) {
        let word = pages[block + (token * p.dim.x + c) / 2u];
        some = fma(vec4f(half(word & 0xffffu)), bitcast<vec4f>(queries[quad * p.dim.x + c]), some);
        some = fma(vec4f(half(word >> 16u)), bitcast<vec4f>(queries[quad * p.dim.x + c + 1u]), some);
      }
      logits += some;
    }
    logits *= scales;
  } else {
    for (var begin = 0u; begin < p.dim.x; begin += 16u) {
      var some = vec4f(0.0);
      for (var c = begin; c < begin + 16u; c += 4u) {
        let key = four_of(block, p.dim.x, token, c / 4u, 4u);
        for (var i = 0u; i < 4u; i += 1u) {
          some = fma(vec4f(key[i]), bitcast<vec4f>(queries[quad * p.dim.x + c + i]), some);
        }
      }
      logits += some;
    }
    logits *= scales;
  }
  if (p.cap > 0.0) {
    for (var i = 0u; i < 4u; i += 1u) {
      logits[i] = p.cap * tanh_of(logits[i] * p.perCap);
    }
  }
  return logits;
}

// Four channels of a token's value; those of q8 without their scale, which is in the weights.
fn value_of(block: u32, token: u32, word: u32) -> vec4f {
  let dim = p.dim.y;
  if (p.codec.y == Q8) {
    return bytes_of(pages[block + token * (dim / 4u) + word]);
  }
  if (p.codec.y == F16) {
    let at = block + token * (dim / 2u) + 2u * word;
    let low = pages[at];
    let high = pages[at + 1u];
    return vec4f(half(low & 0xffffu), half(low >> 16u), half(high & 0xffffu), half(high >> 16u));
  }
  return four_of(block, dim, token, word, select(4u, 2u, p.codec.y == Q2));
}

fn scale_of(block: u32, token: u32) -> f32 {
  if (p.codec.y == Q8) {
    return half_at(block + 16u * p.dim.y, token);
  }
  return 1.0;
}

// Pages from that of position `least` on which the row's ranges, cut to positions before `limit`, name.
struct Named {
  count: u32,
  page: u32, // the `wanted`th of them
}

fn named(row: u32, least: u32, limit: u32, wanted: u32) -> Named {
  var found = Named(0u, 0u);
  var next = least / 64u;
  for (var range = 0u; range < plan[row]; range += 1u) {
    let at = range_at(p.plan, row, range);
    let end = min(plan[at + 1u], limit);
    let first = max(next, plan[at] / 64u);
    if (end <= plan[at] || end <= max(first * 64u, least)) {
      continue;
    }
    let some = (end - 1u) / 64u + 1u - first;
    if (wanted >= found.count && wanted < found.count + some) {
      found.page = first + wanted - found.count;
    }
    found.count += some;
    next = first + some;
  }
  return found;
}

fn bits_below(n: u32) -> u32 {
  return select((1u << (n & 31u)) - 1u, 0xffffffffu, n >= 32u);
}

// Tokens of a page in [start, end), as bits.
fn bits_of(base: u32, start: u32, end: u32) -> vec2u {
  let first = clamp(start, base, base + 64u) - base;
  let last = clamp(end, base, base + 64u) - base;
  let low = bits_below(min(last, 32u)) & ~bits_below(min(first, 32u));
  let high = bits_below(max(last, 32u) - 32u) & ~bits_below(max(first, 32u) - 32u);
  return select(vec2u(0u), vec2u(low, high), last > first);
}

// What a page gives to query n of the workgroup: four channels, and with the first ones its top and its sum.
fn write_down(slot: u32, n: u32, ordinal: u32, word: u32, given: vec4f) {
  let s = p.slots;
  let at = s.kvHeads * s.tiles * s.slots + (slot * p.room + ordinal) * (p.dim.y + 2u);
  for (var c = 0u; c < 4u; c += 1u) {
    out[at + 2u + 4u * word + c] = bitcast<u32>(given[c]);
  }
  if (word == 0u) {
    out[at] = bitcast<u32>(here[n]);
    out[at + 1u] = bitcast<u32>(sums[n]);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let s = p.slots;
  let tile = group.y;
  let kvHead = group.z;
  let share = group.x % p.splits;
  let firstSlot = (group.x / p.splits) * p.quads * 4u;
  let slot = (kvHead * s.tiles + tile) * s.slots + firstSlot;
  let row = select(kvHead, 0u, p.plan.lists == 1u) * p.plan.tiles + tile;
  let count = plan[row];
  let channels = p.dim.y / 4u;
  let width = p.dim.y + 2u;
  let perRow = group_of(s);
  let span = tile_span(s, tile);
  // Positions of this workgroup's rows.
  let firstRow = span.x + firstSlot / perRow;
  let endRow = min(span.y, span.x + (firstSlot + 4u * p.quads + perRow - 1u) / perRow);
  if (firstRow >= endRow) {
    return;
  }
  let oldest = max(p.begin, select(firstRow + 1u - p.window, 0u, firstRow + 1u < p.window));
  let limit = min(p.end, endRow);

  // In softmax a thread has 16 keys of a query: part 0 and 1 are one block of 32, 2 and 3 the other.
  let mine = lane / 4u;
  let part = lane % 4u;
  let query = query_of(s, kvHead, tile, firstSlot + mine);
  let carried = p.carryAt + (query.row * s.heads + query.head) * width;
  let begins = !SPLIT && (p.flags & BEGINS) != 0u;
  if (lane < 16u) {
    tops[lane] = NEVER;
    sums[lane] = 0.0;
  }
  for (var i = lane; i < 4u * p.quads * channels; i += 64u) {
    mixed[i] = vec4f(0.0);
    let owner = query_of(s, kvHead, tile, firstSlot + i / channels);
    if (begins && owner.exists) {
      let at = p.carryAt + (owner.row * s.heads + owner.head) * width + 2u + 4u * (i % channels);
      mixed[i] = vec4f(carry[at], carry[at + 1u], carry[at + 2u], carry[at + 3u]);
    }
  }
  workgroupBarrier();
  if (begins && part == 0u && mine < 4u * p.quads && query.exists) {
    tops[mine] = carry[carried];
    sums[mine] = carry[carried + 1u];
  }
  workgroupBarrier();

  var base = oldest & ~63u;
  var ordinal = 0u;
  var lastOrdinal = 0xffffffffu;
  var range = 0u;
  if (SPLIT) {
    let all = named(row, oldest, limit, 0xffffffffu).count;
    ordinal = all * share / p.splits;
    lastOrdinal = all * (share + 1u) / p.splits;
    base = 64u * named(row, oldest, limit, ordinal).page;
    if (share == 0u && lane < 4u * p.quads) {
      out[slot + lane] = all;
    }
  }
  for (; ordinal < lastOrdinal; ordinal += 1u) {
    while (range < count && plan[range_at(p.plan, row, range) + 1u] <= max(base, oldest)) {
      range += 1u;
    }
    if (range >= count) {
      break;
    }
    let start = plan[range_at(p.plan, row, range)];
    base = max(base, start & ~63u);
    if (max(base, start) >= limit) {
      break;
    }
    var mask = vec2u(0u);
    var lift = 0.0; // of this thread's key
    for (var i = range; i < count; i += 1u) {
      let at = range_at(p.plan, row, i);
      if (plan[at] >= base + 64u) {
        break;
      }
      mask |= bits_of(base, max(plan[at], oldest), plan[at + 1u]);
      if (p.liftsAt > 0u && plan[at] <= base + lane && base + lane < plan[at + 1u]) {
        lift = bitcast<f32>(plan[p.liftsAt + row * p.plan.capacity + i]);
      }
    }
    let page = places[base / 64u] * p.pageWords + kvHead * (p.words.x + p.words.y);
    let values = page + p.words.x;

    // Logits: a thread has one key.
    let bit = select(mask.x, mask.y, lane >= 32u) & (1u << (lane & 31u));
    for (var quad = 0u; quad < p.quads; quad += 1u) {
      var logits = vec4f(NEVER);
      if (bit != 0u) {
        logits = logits_of(slot / 4u + quad, page, lane) + lift;
      }
      for (var i = 0u; i < 4u; i += 1u) {
        let n = quad * 4u + i;
        let position = span.x + (firstSlot + n) / perRow;
        let key = base + lane;
        let seen = bit != 0u && key <= position && key + p.window > position;
        weights[n * 65u + lane] = select(NEVER, logits[i], seen);
      }
    }
    workgroupBarrier();

    // The greatest logits of the blocks, and whether they matter; sums of a part's weights.
    let own = mine * 65u;
    let keys = own + part * 16u;
    var greatest = NEVER;
    var keeps = true;
    if (mine < 4u * p.quads) {
      var first = NEVER;
      var second = NEVER;
      for (var key = 0u; key < 32u; key += 1u) {
        first = max(first, weights[own + key]);
        second = max(second, weights[own + key + 32u]);
      }
      if (p.skipBelow < 1.0e38) {
        var top = tops[mine];
        let keepsFirst = top == NEVER || first >= top - p.skipBelow;
        if (keepsFirst) {
          top = max(top, first);
        } else {
          first = NEVER;
        }
        let keepsSecond = top == NEVER || second >= top - p.skipBelow;
        if (!keepsSecond) {
          second = NEVER;
        }
        keeps = select(keepsFirst, keepsSecond, part >= 2u);
      }
      greatest = max(first, second);
      var sum = 0.0;
      var most = 0.0;
      for (var key = 0u; key < 16u; key += 1u) {
        let logit = weights[keys + key];
        if (logit > NEVER && keeps) {
          let weight = exp2_of(logit - greatest);
          sum += weight;
          most = max(most, weight * scale_of(values, part * 16u + key));
        }
      }
      partSums[lane] = sum;
      partMost[lane] = most;
    }
    workgroupBarrier();

    // Weights; those of q8 values times the scales of the values, in 15 bits of the greatest such product in a block.
    if (mine < 4u * p.quads) {
      let pair = lane & ~1u;
      let most = max(partMost[pair], partMost[pair + 1u]);
      var inverse = 0.0;
      if (most > 1.0e-30) {
        inverse = 32767.0 / most;
      }
      for (var key = 0u; key < 16u; key += 1u) {
        let logit = weights[keys + key];
        var weight = 0.0;
        if (logit > NEVER && keeps) {
          weight = exp2_of(logit - greatest);
          if (p.codec.y == Q8) {
            weight = round(weight * scale_of(values, part * 16u + key) * inverse) * (most * 3.0518509475997192e-5);
          }
        }
        weights[keys + key] = weight;
      }
      if (part == 0u) {
        let sum = ((partSums[lane] + partSums[lane + 1u]) + partSums[lane + 2u]) + partSums[lane + 3u];
        let fade = fades_of(tops[mine], greatest);
        here[mine] = greatest;
        fades[mine] = fade;
        if (SPLIT) {
          sums[mine] = sum;
        } else {
          tops[mine] = max(tops[mine], greatest);
          sums[mine] = fma(sums[mine], fade.x, sum * fade.y);
        }
      }
    }
    workgroupBarrier();

    // Weighted values: a thread has four channels of a quad.
    let firstKey = select(32u + firstTrailingBit(mask.y), firstTrailingBit(mask.x), mask.x != 0u);
    let endKey = select(firstLeadingBit(mask.x) + 1u, firstLeadingBit(mask.y) + 33u, mask.y != 0u);
    for (var item = lane; item < p.quads * channels; item += 64u) {
      let quad = item / channels;
      let word = item % channels;
      var a = vec4f(0.0);
      var b = vec4f(0.0);
      var c = vec4f(0.0);
      var d = vec4f(0.0);
      for (var key = firstKey; key < endKey; key += 1u) {
        let value = value_of(values, key, word);
        let at = quad * 260u + key;
        a = fma(vec4f(weights[at]), value, a);
        b = fma(vec4f(weights[at + 65u]), value, b);
        c = fma(vec4f(weights[at + 130u]), value, c);
        d = fma(vec4f(weights[at + 195u]), value, d);
      }
      let n = quad * 4u;
      if (SPLIT) {
        write_down(slot + n, n, ordinal, word, a);
        write_down(slot + n + 1u, n + 1u, ordinal, word, b);
        write_down(slot + n + 2u, n + 2u, ordinal, word, c);
        write_down(slot + n + 3u, n + 3u, ordinal, word, d);
      } else {
        let at = n * channels + word;
        mixed[at] = fma(mixed[at], vec4f(fades[n].x), a * fades[n].y);
        mixed[at + channels] = fma(mixed[at + channels], vec4f(fades[n + 1u].x), b * fades[n + 1u].y);
        mixed[at + 2u * channels] = fma(mixed[at + 2u * channels], vec4f(fades[n + 2u].x), c * fades[n + 2u].y);
        mixed[at + 3u * channels] = fma(mixed[at + 3u * channels], vec4f(fades[n + 3u].x), d * fades[n + 3u].y);
      }
    }
    workgroupBarrier();
    base += 64u;
  }
  if (SPLIT) {
    return;
  }

  let ends = (p.flags & ENDS) != 0u;
  for (var i = lane; i < 4u * p.quads * channels; i += 64u) {
    let n = i / channels;
    let word = i % channels;
    let is = query_of(s, kvHead, tile, firstSlot + n);
    if (!is.exists) {
      continue;
    }
    let index = is.row * s.heads + is.head;
    let to = p.outAt + index * p.dim.y + 4u * word;
    let at = p.carryAt + index * width;
    for (var c = 0u; c < 4u; c += 1u) {
      if (ends) {
        out[to + c] = bitcast<u32>(mixed[i][c] / sums[n]);
      } else {
        carry[at + 2u + 4u * word + c] = mixed[i][c];
      }
    }
    if (word == 0u) {
      if (!ends) {
        carry[at] = tops[n];
        carry[at + 1u] = sums[n];
      } else if ((p.flags & SUMS) != 0u) {
        sumsOut[p.sumsAt + index] = log_sum(tops[n], sums[n]);
      }
    }
  }
}
