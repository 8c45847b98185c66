import { type Backend, mixedChannels, PAGE, type StateShape, TAPS } from '../../src/backends/backend.js';
import type { RefKvLayer, RefTensor, RefWeight } from './device.js';
import { decodeRow } from './rows.js';

/** What one head makes of rows: values (rows, headDim), keys and queries (rows, state), a step and a decay for each row. */
export interface HeadRows {
  readonly values: readonly (readonly number[])[];
  readonly keys: readonly (readonly number[])[];
  readonly queries: readonly (readonly number[])[];
  readonly steps: readonly number[];
  readonly decays: readonly number[];
}

/** S (headDim, state). */
export type HeadState = number[][];

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** S = decay · S + step · v kᵀ, then S q, row after row. Changes `state`. */
export const rowByRow = (state: HeadState, head: HeadRows): number[][] =>
  head.values.map((value, row) => {
    const [step, decay, key] = [head.steps[row]!, head.decays[row]!, head.keys[row]!];
    for (const [channel, own] of state.entries()) {
      for (const n of own.keys()) own[n] = decay * own[n]! + step * value[channel]! * key[n]!;
    }
    return state.map((own) => dot(own, head.queries[row]!));
  });

/**
 * The same for all rows at once (Lightning Attention, arXiv 2405.17381 §3.2; Mamba-2, 2405.21060 §6): inside the block
 * (Q Kᵀ ⊙ D) V with D the decay between two rows, from before it Q Sᵀ faded, and the state that the block leaves.
 */
export const blockAtOnce = (state: HeadState, head: HeadRows): number[][] => {
  const { values, keys, queries, steps, decays } = head;
  const rows = values.length;
  /** Product of the decays of rows (from, to]. */
  const fade = (from: number, to: number): number =>
    decays.slice(from + 1, to + 1).reduce((product, decay) => product * decay, 1);
  const out = values.map((_, row) =>
    state.map((own, channel) => {
      const inside = values
        .slice(0, row + 1)
        .reduce(
          (sum, value, s) => sum + fade(s, row) * steps[s]! * dot(queries[row]!, keys[s]!) * value[channel]!,
          0,
        );
      return inside + fade(-1, row) * dot(own, queries[row]!);
    }),
  );
  for (const [channel, own] of state.entries()) {
    for (const n of own.keys()) {
      own[n] = values.reduce(
        (sum, value, s) => sum + fade(s, rows - 1) * steps[s]! * value[channel]! * keys[s]![n]!,
        fade(-1, rows - 1) * own[n]!,
      );
    }
  }
  return out;
};

const silu = (x: number): number => x / (1 + Math.exp(-x));
const softplus = (x: number): number => (x > 20 ? x : Math.log1p(Math.exp(x)));

/** A state as its page holds it: the last rows before their convolution, then S of every head. */
const unpack = (page: Uint8Array, shape: StateShape): { tail: number[][]; states: HeadState[] } => {
  const { heads, headDim, state } = shape;
  const channels = mixedChannels(shape);
  const numbers = new Float32Array(page.slice().buffer);
  const rows = (from: number, count: number, width: number): number[][] =>
    Array.from({ length: count }, (_, n) => [...numbers.subarray(from + n * width, from + (n + 1) * width)]);
  const first = (TAPS - 1) * channels;
  return {
    tail: rows(0, TAPS - 1, channels),
    states: Array.from({ length: heads }, (_, head) => rows(first + head * headDim * state, headDim, state)),
  };
};

const vector = (weight: unknown): Float32Array => {
  const { type, cols, bytes } = weight as RefWeight;
  return decodeRow(type, bytes, cols);
};

/** The specification of layers with a state: every row by itself, in f64. */
export const refStates = (): Pick<Backend, 'recur'> => ({
  recur: (out, x, steps, layer, w, position) => {
    const kv = layer as RefKvLayer;
    const shape = kv.shape.state!;
    const { heads, headDim, state } = shape;
    const channels = mixedChannels(shape);
    const [conv, convBias] = [vector(w.conv), vector(w.convBias)];
    const [stepBias, decay, skip] = [vector(w.stepBias), vector(w.decay), vector(w.skip)];
    const before = position > 0 ? kv.bytes[Math.ceil(position / PAGE) - 1]! : new Uint8Array(kv.pageBytes);
    const { tail, states } = unpack(before, shape);
    const end = position + x.rows;
    for (let row = 0; row < x.rows; row++) {
      const own = [...(x as RefTensor).values.subarray(row * channels, (row + 1) * channels)];
      const met = [...tail, own];
      const mixed = own.map((_, c) =>
        silu(met.reduce((sum, one, tap) => sum + one[c]! * conv[c * TAPS + tap]!, convBias[c]!)),
      );
      tail.push(own);
      tail.shift();
      const inner = heads * headDim;
      for (let head = 0; head < heads; head++) {
        const step = softplus((steps as RefTensor).values[row * heads + head]! + stepBias[head]!);
        const values = mixed.slice(head * headDim, (head + 1) * headDim);
        const [got] = rowByRow(states[head]!, {
          values: [values],
          keys: [mixed.slice(inner, inner + state)],
          queries: [mixed.slice(inner + state)],
          steps: [step],
          decays: [Math.exp(step * decay[head]!)],
        });
        const given = got!.map((one, c) => one + skip[head]! * values[c]!);
        (out as RefTensor).values.set(given, (row * heads + head) * headDim);
      }
      const at = position + row + 1;
      const full = at === Math.floor(end / PAGE) * PAGE;
      if (full || at === end) {
        const numbers = Float32Array.from([...tail.flat(), ...states.flat(2)]);
        kv.bytes[Math.ceil(at / PAGE) - 1] = new Uint8Array(numbers.buffer);
      }
    }
  },
});
