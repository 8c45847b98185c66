import { type Backend, carryWidth, MOST_TOP, mixedChannels, type Tensor } from '../backends/backend.js';
import type { ModelConfig } from './config.js';

/** The activations of one forward call, all views of the arena: (rows, …). */
export interface Activations {
  readonly rows: number;
  /** Residual stream. */
  readonly x: Tensor; // (rows, dim)
  /** Normed input of a block, then its output. */
  readonly h: Tensor; // (rows, dim)
  readonly q: Tensor; // (rows, heads · headDim)
  readonly k: Tensor; // (rows, kvHeads · headDim)
  readonly v: Tensor; // (rows, kvHeads · valueDim)
  /** q and k head by head, for per-head norms and rotation. */
  readonly qHeads: Tensor; // (rows · heads, headDim)
  readonly kHeads: Tensor; // (rows · kvHeads, headDim)
  /** What is kept of q and k, where layers keep less than all channels. */
  readonly kept: KeptRows | undefined;
  readonly attended: Tensor; // (rows, heads · valueDim)
  readonly gate: Tensor; // (rows, hidden)
  readonly up: Tensor; // (rows, hidden)
  /** Between the two matrices of a projection that is two. */
  readonly low: Tensor | undefined; // (rows, rank)
  /** Logits of heads, where a row uses some of them: of shared heads, of the others, and of both kinds. */
  readonly routes: Tensor | undefined; // (rows, heads), and 2 more where heads are shared
  /** Of layers with a state, where there are any. */
  readonly recurring: Recurring | undefined;
  /** Of each rotation of the model: cosines, then sines, at every row. */
  readonly angles: readonly Tensor[]; // (rows, rope.dim)
}

/** Fewer channels of q and k: (rows, …). */
export interface KeptRows {
  readonly q: Tensor; // (rows, heads · channels)
  readonly k: Tensor; // (rows, kvHeads · channels)
  readonly qHeads: Tensor; // (rows · heads, channels)
  readonly kHeads: Tensor; // (rows · kvHeads, channels)
}

/** What a layer with a state works on: (rows, …). */
export interface Recurring {
  /** What its output is gated by. */
  readonly z: Tensor; // (rows, heads · headDim)
  /** Values of all heads, a key and a query, before their convolution. */
  readonly mixed: Tensor; // (rows, heads · headDim + 2 · state)
  readonly steps: Tensor; // (rows, heads)
  /** What was read of the state. */
  readonly out: Tensor; // (rows, heads · headDim)
}

const recurringWidths = ({ state }: ModelConfig): [keyof Recurring, number][] => {
  if (!state) return [];
  const inner = state.heads * state.headDim;
  return [
    ['z', inner],
    ['mixed', mixedChannels(state)],
    ['steps', state.heads],
    ['out', inner],
  ];
};

/** Fixed memory for activations: its size depends on the segment length, never on the length of a prompt. */
export interface Arena {
  /** Rows of the longest forward call. */
  readonly segmentTokens: number;
  readonly logits: Tensor; // (1, vocab)
  /** Whose logits they are: the last call's that asked for any. */
  logitsOf: object | undefined;
  /** The `count` highest of them (`Backend.topLogits`). */
  top(count: number): Tensor; // (count + 1, 2)
  activations(rows: number): Activations;
  /** What attention in passes carries from one to the next, (rows · heads, …). Made when it is first asked for. */
  carry(rows: number): Tensor;
  release(): void;
}

const routesOf = ({ heads, routing }: ModelConfig): number =>
  routing ? heads + (routing.shared > 0 ? 2 : 0) : 0;

/** What an arena takes before attention is in passes. */
export const arenaBytes = (config: ModelConfig, segmentTokens: number): number => {
  const { dim, hidden, heads, kvHeads, headDim, valueDim, rank = 0, rope, vocab } = config;
  const cols =
    routesOf(config) +
    rank +
    2 * dim +
    2 * hidden +
    (heads + kvHeads) * (headDim + valueDim) +
    rope.rotations.length * rope.dim;
  const recurring = recurringWidths(config).reduce((sum, [, width]) => sum + width, 0);
  return 4 * (segmentTokens * (cols + recurring) + vocab);
};

export const createArena = (backend: Backend, config: ModelConfig, segmentTokens: number): Arena => {
  const { dim, hidden, heads, kvHeads, headDim, valueDim, rank, rope, vocab } = config;
  const { channels = 0 } = config.narrowedKeys ?? {};
  const matrix = (label: string, cols: number): Tensor => backend.tensor(label, segmentTokens, cols);
  const x = matrix('x', dim);
  const h = matrix('h', dim);
  const q = matrix('q', heads * headDim);
  const k = matrix('k', kvHeads * headDim);
  const v = matrix('v', kvHeads * valueDim);
  const keptQ = channels > 0 ? matrix('kept q', heads * channels) : undefined;
  const keptK = channels > 0 ? matrix('kept k', kvHeads * channels) : undefined;
  const attended = matrix('attended', heads * valueDim);
  const gate = matrix('gate', hidden);
  const up = matrix('up', hidden);
  const routes = config.routing && matrix('routes', routesOf(config));
  const low = rank ? matrix('low', rank) : undefined;
  const angles = rope.rotations.map((_, rotation) => matrix(`angles ${rotation}`, rope.dim));
  const recurring = recurringWidths(config).map(([key, width]) => [key, matrix(key, width)] as const);
  const logits = backend.tensor('logits', 1, vocab);
  const highest = backend.tensor('highest logits', MOST_TOP + 1, 2);
  const owned = [
    ...[x, h, q, k, v, keptQ, keptK, attended, gate, up, low, routes],
    ...[...angles, ...recurring.map(([, one]) => one), logits, highest],
  ];
  const made = new Map<number, Activations>();
  let carried: Tensor | undefined;

  const activations = (rows: number): Activations => {
    const known = made.get(rows);
    if (known) return known;
    const top = (tensor: Tensor): Tensor => backend.view(tensor, rows, tensor.cols);
    const views: Activations = {
      rows,
      x: top(x),
      h: top(h),
      q: top(q),
      k: top(k),
      v: top(v),
      qHeads: backend.view(q, rows * heads, headDim),
      kHeads: backend.view(k, rows * kvHeads, headDim),
      kept: keptQ &&
        keptK && {
          q: top(keptQ),
          k: top(keptK),
          qHeads: backend.view(keptQ, rows * heads, channels),
          kHeads: backend.view(keptK, rows * kvHeads, channels),
        },
      attended: top(attended),
      gate: top(gate),
      up: top(up),
      low: low && top(low),
      routes: routes && top(routes),
      recurring:
        config.state &&
        (Object.fromEntries(recurring.map(([key, one]) => [key, top(one)])) as unknown as Recurring),
      angles: angles.map(top),
    };
    made.set(rows, views);
    return views;
  };

  return {
    segmentTokens,
    logits,
    logitsOf: undefined,
    top: (count) => backend.view(highest, count + 1, 2),
    activations,
    carry(rows) {
      carried ??= backend.tensor('carry', segmentTokens * heads, carryWidth({ valueDim }));
      return backend.view(carried, rows * heads, carried.cols);
    },
    release: () => {
      for (const tensor of [...owned, carried]) if (tensor) backend.free(tensor);
    },
  };
};
