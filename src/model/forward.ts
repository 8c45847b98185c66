/**
 * The forward pass of a decoder, once, for every architecture and backend. A layer is three synchronous steps:
 * `readPlan` ends with the plan of what attention will read, `attend` reads it, in one pass or in several, `finish` does
 * the rest. Before each pass the caller may wait for pages; nothing else in the model waits.
 */
import {
  type AttendPass,
  type Backend,
  PAGE,
  type Recurrence,
  type Tensor,
  type Tiles,
  type Weight,
} from '../backends/backend.js';
import type { Activations, Arena } from './arena.js';
import type { ModelConfig } from './config.js';
import { ropeAngles } from './rope.js';
import type { ContextState } from './state.js';
import type { ModelWeights } from './weights.js';

/** Everything a forward call works with. */
export interface Forward {
  readonly backend: Backend;
  readonly config: ModelConfig;
  readonly weights: ModelWeights;
  readonly arena: Arena;
  readonly state: ContextState;
  readonly tiles: Tiles;
  readonly activations: Activations;
  /** Position that the first row is turned by, where that is another than its place in the pages. */
  readonly turned?: number | undefined;
}

/** x = embedding of the tokens; angles = rotations of their positions. */
export const begin = (f: Forward, ids: ArrayLike<number>): void => {
  const { backend: b, config, weights, activations: a, tiles, turned = tiles.position } = f;
  b.embed(a.x, weights.embedding, ids, config.embeddingScale);
  config.rope.rotations.forEach((rotation, n) => {
    b.upload(a.angles[n]!, ropeAngles(rotation, config.rope.dim, turned, tiles.rows));
  });
};

/** out = x · wᵀ + bias, or x · lowᵀ · wᵀ + bias. */
const project = (f: Forward, out: Tensor, x: Tensor, w: Weight, bias?: Weight, low?: Weight): void => {
  const { backend: b, activations: a } = f;
  const inner = low && b.view(a.low!, a.rows, low.rows);
  if (low) b.matmul(inner!, x, low);
  b.matmul(out, inner ?? x, w, bias);
};

/** Queries of a layer, with the channels that its keys are kept with. */
export const queriesOf = ({ weights, activations: a }: Forward, layer: number): Tensor =>
  weights.layers[layer]!.kept ? a.kept!.q : a.q;

/** Norm, q, k, v, rotation, append to the pages, chunks, plan. */
export const readPlan = (f: Forward, layer: number): void => {
  const { backend: b, config, activations: a, state, tiles } = f;
  const w = f.weights.layers[layer]!;
  const kv = state.layers[layer]!;
  const { rotation } = config.attention[layer]!;
  b.rmsNorm(a.h, a.x, w.attnNorm, config.eps);
  project(f, a.q, a.h, w.q, w.qBias, w.qLow);
  project(f, a.k, a.h, w.k, w.kBias, w.kLow);
  project(f, a.v, a.h, w.v, w.vBias, w.vLow);
  if (w.router) b.matmul(a.routes!, a.h, w.router);
  if (w.qNorm) b.rmsNorm(a.qHeads, a.qHeads, w.qNorm, config.eps);
  if (w.kNorm) b.rmsNorm(a.kHeads, a.kHeads, w.kNorm, config.eps);
  if (rotation !== undefined) {
    b.rope(a.qHeads, a.angles[rotation]!, config.rope.pairing);
    b.rope(a.kHeads, a.angles[rotation]!, config.rope.pairing);
  }

  if (w.kept) {
    b.matmul(a.kept!.qHeads, a.qHeads, w.kept);
    b.matmul(a.kept!.kHeads, a.kHeads, w.kept);
  }

  const end = tiles.position + tiles.rows;
  b.mapPages(kv, Math.ceil(end / PAGE));
  b.appendKv(kv, w.kept ? a.kept!.k : a.k, a.v, tiles.position);
  state.index(layer, end);
  if (tiles.continues && tiles.tileRows > 1) {
    b.extend(state.plans[layer]!, tiles);
    return;
  }
  const input = state.predictInput(layer, tiles, queriesOf(f, layer), config.attentionScale);
  state.predictors[layer]!.plan(b, input, state.plans[layer]!);
};

/** Of a layer with a state, in place of a plan and attention: rows meet it in order, and what they read of it is gated. */
export const recur = (f: Forward, layer: number): void => {
  const { backend: b, config, activations: a, state, tiles } = f;
  const w = f.weights.layers[layer]!;
  const kv = state.layers[layer]!;
  const { z, mixed, steps, out } = a.recurring!;
  b.rmsNorm(a.h, a.x, w.attnNorm, config.eps);
  b.matmul(z, a.h, w.z!);
  b.matmul(mixed, a.h, w.mixed!);
  b.matmul(steps, a.h, w.steps!);
  b.mapPages(kv, Math.ceil((tiles.position + tiles.rows) / PAGE), true);
  b.recur!(out, mixed, steps, kv, w as Recurrence, tiles.position);
  b.gate(z, out, 'silu');
  b.rmsNorm(out, z, w.stateNorm!, config.eps);
};

/** Attention over the plan, or over a part of it. */
export const attend = (
  f: Forward,
  layer: number,
  part?: Omit<AttendPass, 'carry'>,
  logSumExp?: Tensor,
): void => {
  const { backend: b, activations: a, arena, state } = f;
  const pass = part && { ...part, carry: arena.carry(a.rows) };
  const own = state.how[layer]!;
  const how = pass || logSumExp ? { ...own, ...(logSumExp && { logSumExp }), ...(pass && { pass }) } : own;
  b.attend(a.attended, queriesOf(f, layer), state.layers[layer]!, state.plans[layer]!, how);
};

const scaled = (b: Backend, x: Tensor, factor = 1): void => {
  if (factor !== 1) b.scale!(x, factor);
};

/** Output projection, feed-forward. */
export const finish = (f: Forward, layer: number): void => {
  const { backend: b, config, activations: a } = f;
  const w = f.weights.layers[layer]!;
  const { recurs } = config.attention[layer]!;
  if (config.routing && !recurs)
    b.route(a.attended, w.router ? a.routes! : a.q, { heads: config.heads, ...config.routing });
  project(f, a.h, recurs ? a.recurring!.out : a.attended, w.o, w.oBias, w.oLow);
  if (w.attnPostNorm) b.rmsNorm(a.h, a.h, w.attnPostNorm, config.eps);
  scaled(b, a.h, config.residualScale);
  b.add(a.x, a.h);
  b.rmsNorm(a.h, a.x, w.ffnNorm, config.eps);
  project(f, a.gate, a.h, w.gate, w.gateBias, w.gateLow);
  project(f, a.up, a.h, w.up, w.upBias, w.upLow);
  b.gate(a.gate, a.up, config.act);
  project(f, a.h, a.gate, w.down, w.downBias, w.downLow);
  if (w.ffnPostNorm) b.rmsNorm(a.h, a.h, w.ffnPostNorm, config.eps);
  scaled(b, a.h, config.residualScale);
  b.add(a.x, a.h);
};

/** Logits of the last row into the arena, and the `top` highest of them. */
export const end = (f: Forward, top: number): void => {
  const { backend: b, config, weights, arena, activations: a } = f;
  const last = b.view(a.x, 1, config.dim, (a.rows - 1) * config.dim);
  const normed = b.view(a.h, 1, config.dim);
  b.rmsNorm(normed, last, weights.outputNorm, config.eps);
  b.matmul(arena.logits, normed, weights.output);
  scaled(b, arena.logits, config.logitScale);
  if (config.logitCap !== undefined) b.softcap(arena.logits, config.logitCap);
  if (top > 0) b.topLogits?.(arena.top(top), arena.logits);
};
