import type { Backend, Tiles } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { Budget } from '../kv/budget.js';
import type { Rest } from '../kv/fetch.js';
import type { Arena } from '../model/arena.js';
import type { ModelConfig } from '../model/config.js';
import { attend, begin, end, type Forward, finish, queriesOf, readPlan, recur } from '../model/forward.js';
import { type ContextState, createState, type PageCodecs } from '../model/state.js';
import type { ModelWeights } from '../model/weights.js';
import type { Amendment, Retain } from '../policies/policy.js';
import type { Predictor } from '../predictors/predictor.js';
import { createMarks } from './marks.js';
import type { Watch } from './sources.js';
import { type TopLogits, topLogitsOf, type WantedTop } from './top-logits.js';
import type { TopShortlistOf } from './top-shortlist.js';

/** What a context is read with. Shared by all contexts of a model; forward calls take turns. */
export interface Reader {
  readonly backend: Backend;
  readonly config: ModelConfig;
  readonly weights: ModelWeights;
  readonly arena: Arena;
  readonly predictor: Predictor;
  /** What holds what is kept of a context. Default: everything is. */
  readonly retain?: Retain | undefined;
  readonly codecs: PageCodecs;
  /** Of what all contexts hold together. */
  readonly budget: Budget;
  /** By token id: 1 where a sentence or line ends with the token. */
  marks(): Uint8Array;
  /** Where the backend finds the highest logits: how a sampler chooses from those alone. */
  readonly topShortlist?: TopShortlistOf | undefined;
  /** Tokens a context may hold. */
  readonly maxTokens: number;
  /** One at a time: the arena is shared. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Whether `error` says that the device behind `lost` is gone, and another one is there: then `backend`, `weights` and
   * `arena` are those of the other one. Rejects as `signal` says, or where there is no other one. Default: never.
   */
  replace?(lost: Backend, error: unknown, signal: AbortSignal | undefined): Promise<boolean>;
}

export interface AppendHooks {
  readonly signal?: AbortSignal | undefined;
  /** Tokens of the context read so far, and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What a list of tokens rejects with that no context of this model can hold. */
export const tooLong = (requested: number, quota: number): LonghandError =>
  new LonghandError(
    'input/too-long',
    `${requested} tokens do not fit: the context holds ${quota}. Shorten the text, or load the model with a greater maxTokens.`,
    { requested, quota },
  );

/** The device side of a context with these tokens. */
export const stateOf = (
  reader: Reader,
  tokens: readonly number[],
  rest: Rest | undefined,
  { retain }: Pick<Reader, 'retain'> = reader,
): ContextState => {
  const { backend, config, codecs, predictor, arena, budget, marks } = reader;
  const { segmentTokens } = arena;
  const around = { segmentTokens, budget, rest, tokens, marks: createMarks(tokens, marks), retain };
  return createState(backend, config, codecs, predictor, around);
};

/** What a forward call leaves behind. */
export interface Step {
  /** (row, key) pairs that attention read, on average over layers and lists. */
  readonly pairs: number;
  /** After the last row, where they were asked for. */
  readonly left: LeftLogits | undefined;
}

/** What was read back of a row's logits: all (vocab), or the highest of them. */
export type LeftLogits = { readonly all: Float32Array } | { readonly top: TopLogits };

/** Reads back the highest logits where they are enough, else all. */
const readLogits = async ({ backend, arena }: Reader, wants: 'all' | WantedTop): Promise<LeftLogits> => {
  if (wants !== 'all') {
    const top = topLogitsOf(await backend.read(arena.top(wants.count)));
    if (wants.enough(top)) return { top };
  }
  return { all: await backend.read(arena.logits) };
};

const readPairs = async (backend: Backend, state: ContextState): Promise<number> => {
  // Asked for all at once: where reading back takes a while, it takes one.
  const pairs = await Promise.all(state.plans.map((plan) => backend.readPairs(plan)));
  return pairs.reduce((sum, some) => sum + some, 0);
};

/** Whoever looks on between the plan of this layer and its attention. */
const lookOf = (call: Forward, layer: number, watch: Watch | undefined): Watch | undefined => {
  const observe = call.state.observer(layer, call.tiles);
  if (!observe) return watch;
  return async () => {
    await watch?.(call, layer);
    await observe(queriesOf(call, layer));
  };
};

/**
 * Attention of a layer, over as much of its plan at a time as there is room for. Who looks on needs all of it at once.
 * Undefined where there was nothing to wait for: most layers of most answers.
 */
const read = (call: Forward, layer: number, watching: Watch | undefined): Promise<void> | undefined => {
  const amendment = call.state.amendment(layer, call.activations.rows);
  const watch = lookOf(call, layer, watching);
  const whole = call.state.residency.isWhole(layer, call.tiles.position);
  if (!whole || watch || amendment) return readAwaited(call, layer, whole, watch, amendment);
  attend(call, layer);
  return undefined;
};

const readAwaited = async (
  call: Forward,
  layer: number,
  whole: boolean,
  watch: Watch | undefined,
  amendment: Amendment | undefined,
): Promise<void> => {
  const { activations } = call;
  const { residency, plans } = call.state;
  if (whole) {
    if (watch) await watch(call, layer);
    attend(call, layer, undefined, amendment?.logSumExp);
    await amendment?.amend(queriesOf(call, layer), activations.attended, plans[layer]!);
    return;
  }
  for await (const pass of residency.passes(layer, plans[layer]!, watch !== undefined)) {
    if (watch) await watch(call, layer);
    attend(call, layer, pass, amendment?.logSumExp);
  }
  await amendment?.amend(queriesOf(call, layer), activations.attended, plans[layer]!);
};

/**
 * One forward call: the rows of `tiles` through all layers, to the logits of the last one where these are wanted. `watch`
 * looks on. `turned`: the position that the first row is turned by; default: its own.
 */
export const forward = async (
  reader: Reader,
  state: ContextState,
  ids: ArrayLike<number>,
  tiles: Tiles,
  wants?: 'all' | WantedTop,
  watch?: Watch,
  turned?: number,
): Promise<Step> => {
  const { backend, config, arena } = reader;
  const call: Forward = { ...reader, state, tiles, activations: arena.activations(tiles.rows), turned };
  try {
    await state.residency.begin(tiles.position, tiles.position + tiles.rows);
    begin(call, ids);
    for (let layer = 0; layer < config.layers; layer++) {
      if (config.attention[layer]!.recurs) recur(call, layer);
      else {
        readPlan(call, layer);
        const waits = read(call, layer, watch);
        if (waits) await waits;
      }
      finish(call, layer);
    }
    if (wants) end(call, wants === 'all' ? 0 : wants.count);
  } catch (error) {
    // Whatever was read did not count: the next call must not report it.
    await readPairs(backend, state);
    throw error;
  }
  // Asked for together, and submitted with what they wait for.
  const reading = Promise.all([readPairs(backend, state), wants && readLogits(reader, wants)]);
  backend.flush();
  const [pairs, left] = await reading;
  return { pairs: pairs / config.attention.filter(({ recurs }) => !recurs).length, left };
};
