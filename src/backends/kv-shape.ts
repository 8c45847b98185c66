import { LonghandError } from '../errors.js';
import {
  type KvLayer,
  type KvShape,
  mixedChannels,
  PAGE,
  type Plan,
  type Recurrence,
  type StateShape,
  TAPS,
  type Tensor,
  tileCount,
} from './backend.js';
import { isVector, shape as shapeOf } from './shapes.js';

/** Kernels step through a vector 16 channels at a time. */
const LANES = 16;
/** Greatest head width for which integer dots of 8-bit keys and 14-bit queries fit an i32. */
const WIDEST = 1024;

/** Kernels step through a state four numbers at a time. */
const QUAD = 4;

const checkState = (label: string, { heads, headDim, state }: StateShape): void => {
  if (heads >= 1 && [headDim, state].every((dim) => Number.isInteger(dim / QUAD) && dim >= QUAD)) return;
  const message = `${label} has ${heads} states of ${headDim} × ${state}; multiples of ${QUAD} are computed. Use another model.`;
  throw new LonghandError('unsupported/architecture', message, { label, heads, headDim, state });
};

/** Throws what is wrong with a shape that pages were asked for. */
export const checkKvShape = (label: string, shape: KvShape): void => {
  const { kvHeads, keyDim, valueDim, keys, values } = shape;
  if (shape.state) {
    checkState(label, shape.state);
    return;
  }
  for (const dim of [keyDim, valueDim]) {
    if (Number.isInteger(dim / LANES) && dim >= LANES && dim <= WIDEST) continue;
    const message = `${label} has heads of ${dim} channels; pages hold multiples of ${LANES} up to ${WIDEST}. Use another model.`;
    throw new LonghandError('unsupported/architecture', message, { label, dim });
  }
  if (!Number.isInteger(kvHeads) || kvHeads < 1) {
    const message = `${label} has ${kvHeads} KV heads; at least one is needed. Use another model.`;
    throw new LonghandError('unsupported/architecture', message, { label, kvHeads });
  }
  const known = ['f16', 'q8', 'q4'];
  if (!known.includes(keys) || ![...known, 'q2'].includes(values)) {
    const message = `Pages cannot hold keys as ${keys} and values as ${values}. Use f16, q8 or q4, for values also q2.`;
    throw new LonghandError('input/option', message, { label, keys, values });
  }
};

export const demand = (fits: boolean, message: string): void => {
  if (!fits) throw new LonghandError('internal', `${message} Please report this.`);
};

const demandPage = (kv: KvLayer, page: number): void => {
  if (page < kv.pages && !kv.isCold(page)) return;
  const found = page < kv.pages ? 'it is cold' : `there are ${kv.pages}`;
  demand(false, `Page ${page} was to be read, but ${found}.`);
};

/** Pages [from, to) must have memory: reading elsewhere would be silent nonsense. */
export const mustBeResident = (kv: KvLayer, from: number, to: number): void => {
  if (from < to) demandPage(kv, to - 1);
  if (kv.resident === kv.pages) return;
  for (let page = from; page < to; page++) demandPage(kv, page);
};

/** K and V of the same tokens must be as wide as the layer's, and the layer must have pages for them. */
export const checkAppend = ({ shape, pages }: KvLayer, k: Tensor, v: Tensor, position: number): void => {
  const { kvHeads, keyDim, valueDim } = shape;
  const fits = k.rows === v.rows && k.cols === kvHeads * keyDim && v.cols === kvHeads * valueDim;
  // Asked for every row of an answer: what would be said is made only where it is.
  if (!fits) demand(false, `appendKv got ${shapeOf(k)} and ${shapeOf(v)} for ${kvHeads} KV heads.`);
  const end = position + k.rows;
  const there = position >= 0 && end <= pages * PAGE;
  if (!there) demand(false, `Tokens up to ${end} were stored in ${pages} pages.`);
};

/**
 * Rows, steps and vectors must be as wide as the layer's state asks for, and the state before `position` must be there. The
 * shape of the state.
 */
export const checkRecur = (
  out: Tensor,
  x: Tensor,
  steps: Tensor,
  kv: KvLayer,
  w: Recurrence,
  position: number,
): StateShape => {
  const { state } = kv.shape;
  if (!state) throw new LonghandError('internal', 'This layer has no state. Please report this.');
  const { heads, headDim } = state;
  const channels = mixedChannels(state);
  const end = position + x.rows;
  const wide = [x.cols, out.cols, steps.cols].join() === [channels, heads * headDim, heads].join();
  const long = x.rows > 0 && out.rows === x.rows && steps.rows === x.rows && end <= kv.pages * PAGE;
  const vectors = [w.stepBias, w.decay, w.skip].every((one) => isVector(one, heads));
  const taps = isVector(w.conv, channels * TAPS) && isVector(w.convBias, channels);
  // In the middle of a page lies only the state of the rows that came last.
  const known = position % PAGE === 0 || kv.met === position;
  demand(
    wide && long && vectors && taps && known,
    `recur got ${[out, x, steps].map(shapeOf).join(', ')} from ${position} on, behind ${kv.met}.`,
  );
  const before = Math.ceil(position / PAGE);
  if (before > 0) mustBeResident(kv, before - 1, before);
  return state;
};

/** One row of probabilities for every row and head, as wide as the last row reaches. */
export const checkObserve = (out: Tensor, q: Tensor, { shape }: KvLayer, { tiles, lists }: Plan): void => {
  const heads = q.cols / shape.keyDim;
  const end = tiles.position + tiles.rows;
  const fits = Number.isInteger(heads / shape.kvHeads) && q.rows === tiles.rows;
  demand(
    fits && out.rows === q.rows * heads && out.cols >= end && (lists === 1 || lists === shape.kvHeads),
    `observe got ${shapeOf(out)} and ${shapeOf(q)} for a plan of ${lists} lists up to ${end}.`,
  );
};

/** Lists and tiles of a plan and of what is kept must be those of the outcome, or one for all of them. */
export const checkKept = (out: Plan, plan: Plan, kept: Plan): void => {
  const [tiles, choices] = [tileCount(plan.tiles), tileCount(kept.tiles)];
  const serves = ({ lists }: Plan): boolean => lists === 1 || lists === out.lists;
  demand(
    out !== plan && out !== kept && serves(plan) && serves(kept) && (choices === 1 || choices === tiles),
    `keepOnly got ${plan.lists} × ${tiles} and ${kept.lists} × ${choices} rows for ${out.lists} lists.`,
  );
};
