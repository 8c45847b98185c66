import { decay } from './decay.js';

/** The highest logit; the lower id on ties, NaN never. */
export const greatest = (logits: Float32Array): number => {
  let best = 0;
  let top = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (logit > top) {
      top = logit;
      best = id;
    }
  }
  return best;
};

/** Whether id a stands before id b: the higher logit first, the lower id among equals. */
const isBefore = (logits: Float32Array, a: number, b: number): boolean =>
  logits[a]! > logits[b]! || (logits[a] === logits[b] && a < b);

const sorted = (logits: Float32Array, ids: Uint32Array): Uint32Array =>
  ids.sort((a, b) => (isBefore(logits, a, b) ? -1 : 1));

/**
 * Ids of the `count` highest logits above −∞, highest first. One scan, with a heap of `count` whose root is the lowest
 * of them: hardly any of a large vocabulary gets past the first comparison.
 */
export const highest = (logits: Float32Array, count: number): Uint32Array => {
  const heap = new Uint32Array(Math.min(count, logits.length));
  let size = 0;
  const sink = (id: number, from: number): void => {
    let at = from;
    for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && isBefore(logits, heap[child]!, heap[child + 1]!)) child += 1;
      if (isBefore(logits, heap[child]!, id)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = id;
  };
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (!(logit > Number.NEGATIVE_INFINITY)) continue;
    if (size < heap.length) {
      heap[size++] = id;
      if (size === heap.length) for (let at = (size >> 1) - 1; at >= 0; at--) sink(heap[at]!, at);
    } else if (size > 0 && logit > logits[heap[0]!]!) {
      sink(id, 0);
    }
  }
  return sorted(logits, heap.subarray(0, size));
};

/** Bins of a quarter of a nat, from the highest logit down. What lies below the last bin falls into it. */
const BINS_PER_NAT = 4;
const BINS = 256;

/**
 * The fewest most likely ids that together reach the share `p` of all probability, likeliest first (top-p; Holtzman et
 * al. 2020). The mass is first counted in bins of the logits, so that only the ids of the bins that matter are sorted.
 */
export const nucleus = (logits: Float32Array, top: number, p: number): Uint32Array => {
  const mass = new Float64Array(BINS);
  const sizes = new Uint32Array(BINS);
  const binOf = (logit: number): number => Math.min(BINS - 1, Math.floor((top - logit) * BINS_PER_NAT));
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (!(logit > Number.NEGATIVE_INFINITY)) continue;
    const weight = decay(top - logit);
    const bin = binOf(logit);
    mass[bin]! += weight;
    sizes[bin]! += 1;
    total += weight;
  }
  let last = 0;
  let size = sizes[0]!;
  for (let sum = mass[0]!; sum < p * total && last + 1 < BINS; sum += mass[last]!) size += sizes[++last]!;
  const ids = new Uint32Array(size);
  let filled = 0;
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    const isNear = last + 1 === BINS || (top - logit) * BINS_PER_NAT < last + 1;
    if (logit > Number.NEGATIVE_INFINITY && isNear) ids[filled++] = id;
  }
  return reaching(logits, sorted(logits, ids), top, p * total);
};

/** The leading ids of `ids` whose weights e^(logit − top) together reach `mass`: at least one. */
export const reaching = (logits: Float32Array, ids: Uint32Array, top: number, mass: number): Uint32Array => {
  let kept = 0;
  for (let sum = 0; kept < ids.length && (kept === 0 || sum < mass); ) {
    sum += decay(top - logits[ids[kept++]!]!);
  }
  return ids.subarray(0, kept);
};
