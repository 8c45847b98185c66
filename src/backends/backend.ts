/**
 * The verbs of a transformer. Every verb writes its first argument and returns nothing; a WASM backend executes at
 * once, a GPU backend records and submits at `flush`. Only `read…` waits. All numbers on the device are f32 unless a
 * type says otherwise. `test/reference` holds the slow, obvious implementation that specifies each verb.
 *
 * Numerics contract: the result of a row never depends on how many rows are computed beside it.
 */

import type { AttendOptions } from './attend-options.js';
import type { Boundaries } from './boundaries.js';
import type { ChunkScoring } from './chunk-scoring.js';
import type { HeadRouting } from './head-routing.js';
import type { KvLayer, KvShape } from './kv-layer.js';
import type { Keep, Lifts, Plan, Range, Tiles } from './plan.js';
import type { Recurrence } from './recurrence.js';
import type { WeightType } from './row-formats.js';
import type { Tensor, Weight } from './tensor.js';

export * from './attend-options.js';
export type { Boundaries, GapJudge } from './boundaries.js';
export type { ChunkScoring } from './chunk-scoring.js';
export * from './head-routing.js';
export { type KvLayer, type KvShape, mixedChannels, type StateShape, TAPS } from './kv-layer.js';
export * from './plan.js';
export type { Recurrence } from './recurrence.js';
export type { WeightType } from './row-formats.js';
export type { Tensor, Weight } from './tensor.js';

/** Tokens in a page; also the alignment of prefill tiles and the step in which chunks are found. */
export const PAGE = 64;

/** Tokens in a sub-block of a page: what rows that ask for themselves choose. */
export const SUB_BLOCK = 16;

/** Most numbers that `topLogits` finds. */
export const MOST_TOP = 128;

/** Which summaries are kept, and for how many layers. Summaries are made from the stored (quantised) keys. */
export interface ChunkShape {
  readonly boundaries: Boundaries;
  readonly layers: number;
  readonly kvHeads: number;
  readonly keyDim: number;
  /** sum/√length of the keys of every chunk, f16 (DHSA, arXiv 2510.24606 §3). */
  readonly means: boolean;
  /** Every key in two bits a channel (after RaBitQ, arXiv 2405.12497); see src/kv/chunks.ts. */
  readonly sketches: boolean;
  /** The least and the greatest of every channel in each sub-block of keys, f16; see src/kv/chunks.ts. Default false. */
  readonly bounds?: boolean;
}

/** Boundaries shared by all layers, summaries per layer. */
export interface ChunkIndex {
  readonly shape: ChunkShape;
}

/** Bytes the backend holds now. */
export interface BackendBytes {
  readonly weights: number;
  readonly activations: number;
  readonly pages: number;
  readonly chunks: number;
  readonly total: number;
}

export interface Backend {
  readonly name: 'wasm' | 'webgpu' | 'reference';
  /** The build variant in use, e.g. `simd128`. Results are bit-equal within one build of one version, so stored pages name both. */
  readonly build: string;

  // ** memory **
  tensor(label: string, rows: number, cols: number): Tensor;
  /** The same memory under another shape, from element `at`. Costs nothing; is not freed. */
  view(tensor: Tensor, rows: number, cols: number, at?: number): Tensor;
  weight(label: string, type: WeightType, rows: number, cols: number): Weight;
  /** Hand over whole rows of a weight (`ROW_FORMATS`), in order, in one call or many; `row` is the first of them. */
  fill(weight: Weight, row: number, bytes: Uint8Array): void;
  upload(tensor: Tensor, values: Float32Array): void;
  read(tensor: Tensor): Promise<Float32Array>;
  /**
   * What a tensor holds, as it lies in the memory of the CPU: valid until the next verb. Where memory is another device's
   * there is no such verb; predictors that use it say so (`Needs.host`).
   */
  peek?(tensor: Tensor): Float32Array;
  /** The same of scores: `readScores` at once. */
  peekScores?(scores: Scores): readonly Float32Array[];
  /** The same of a page that has memory: its stored bytes. */
  peekPage?(kv: KvLayer, page: number): Uint8Array;
  free(thing: Tensor | Weight | KvLayer | ChunkIndex | Plan | Scores): void;
  bytes(): BackendBytes;

  // ** the transformer **
  /** out (rows, dim) = rows `ids` of the table (vocab, dim), each number times `scale` in f32. Default 1. */
  embed(out: Tensor, table: Weight, ids: ArrayLike<number>, scale?: number): void;
  /** out = x / √(mean(x²) + eps) · gain, row by row; `out` may be `x`. gain is (1, cols), F32. */
  rmsNorm(out: Tensor, x: Tensor, gain: Weight, eps: number): void;
  /** out (rows, n) = x (rows, k) · wᵀ (n, k) [+ bias (1, n), F32]. Quantised weights meet x quantised to int8 per 32. */
  matmul(out: Tensor, x: Tensor, w: Weight, bias?: Weight): void;
  /**
   * Rotate the pairs of x in place. x is (tokens · heads, headDim); angles is (tokens, 2 · pairs): cosines, then
   * sines. `half` pairs channel i with i + pairs (NeoX), `adjacent` pairs 2i with 2i + 1. Channels past 2 · pairs stay.
   * The angles are no part of x.
   */
  rope(x: Tensor, angles: Tensor, pairing: 'half' | 'adjacent'): void;
  /** out = act(out) · up. */
  gate(out: Tensor, up: Tensor, act: 'silu' | 'gelu'): void;
  /**
   * out (rows, heads · width) = out, every head times the factor of its row, 0 for heads that it does not use; width is a
   * multiple of 4. Scores are queries (rows, heads · headDim), by their length: factors are 1. Or logits (rows, heads, and 2
   * more where there are shared heads): a head's factor is its share by softmax among the shared or the used ones, times their
   * count; the last two say by softmax how much of 2 both kinds are multiplied with.
   */
  route(out: Tensor, scores: Tensor, how: HeadRouting): void;
  /** out = out + x. */
  add(out: Tensor, x: Tensor): void;
  /** out = factor · out. Where no architecture that the backend computes needs it, there is no such verb. */
  scale?(out: Tensor, factor: number): void;
  /** out = cap · tanh(out / cap), cap > 0: keeps logits within ±cap (Gemma 2, arXiv 2408.00118 §2). NaN stays NaN. */
  softcap(out: Tensor, cap: number): void;

  /**
   * What the next token is chosen from, (count + 1, 2) for a count up to MOST_TOP. First Σ e^(x − greatest) over the numbers
   * of `logits` (1, n) that are above −∞ (relative error at most 1e-4; of use where the greatest is finite), and how many of
   * the rows behind are filled; then those numbers, the greatest first, each with its place, the lower place first among equals.
   * Only where reading back costs something: memory of a CPU is read as it is.
   */
  topLogits?(out: Tensor, logits: Tensor): void;

  // ** pages **
  kvLayer(label: string, shape: KvShape): KvLayer;
  /** The layer has pages [0, pages): later ones are given up; new ones get memory, all zeros, or, if `cold`, none. */
  mapPages(kv: KvLayer, pages: number, cold?: boolean): void;
  /** Take the memory of these pages: they are cold until they are written. Cold ones among them stay so. */
  dropPages(kv: KvLayer, pages: readonly number[]): void;
  /**
   * A cold page gets memory, that of `bytes` itself where `pageRoom` gave it. `met`: tokens that a state has met; default: all
   * up to its end.
   */
  writePage(kv: KvLayer, page: number, bytes: Uint8Array, met?: number): void;
  /** Memory for a page that no layer has yet, for whoever writes it beside the engine, in shared memory. Throws `memory/device`. */
  pageRoom?(bytes: number): Uint8Array;
  /** Take back what `pageRoom` gave, unless it is used up. Nobody may write it any more. */
  freeRoom?(room: Uint8Array): void;
  readPage(kv: KvLayer, page: number): Promise<Uint8Array>;
  /** Encode and store K (tokens, kvHeads · keyDim) and V (tokens, kvHeads · valueDim) from absolute `position` on. */
  appendKv(kv: KvLayer, k: Tensor, v: Tensor, position: number): void;

  // ** states **
  /**
   * Linear attention with a decay, row after row (`Recurrence`). out (rows, heads · headDim) are the rows from absolute
   * `position` on; x (rows, heads · headDim + 2 · state), steps (rows, heads). Goes on from the state in the page of the token
   * before `position`, and gives memory to two pages: the last one that these rows fill, and that of the last row.
   */
  recur?(out: Tensor, x: Tensor, steps: Tensor, layer: KvLayer, w: Recurrence, position: number): void;

  // ** chunks **
  chunkIndex(label: string, shape: ChunkShape): ChunkIndex;
  /**
   * Find the boundaries of all whole pages before `tokens` that were not looked at before, from the stored keys of the
   * first layer. A smaller `tokens` than last time forgets what lies beyond. `marks[i]` says whether a boundary may
   * follow the token at absolute position i (only read by `delimiters`).
   */
  segment(index: ChunkIndex, firstLayer: KvLayer, tokens: number, marks: Uint8Array): void;
  /** Summarise chunks and sub-blocks of this layer that were closed since the last call. */
  summarize(index: ChunkIndex, layer: number, kv: KvLayer): void;
  /** Boundaries found so far: chunk c is [b[c], b[c+1]); what lies past the last one is open. Starts with 0. */
  readBoundaries(index: ChunkIndex): Promise<Uint32Array>;
  /** The index's content for pages [from, to), to be stored beside them; `writeChunks` appends it again. */
  readChunks(index: ChunkIndex, from: number, to: number): Promise<Uint8Array>;
  /** `room`: about so many pages will be there in all. Room for them is made at once, and nothing moves as they come. */
  writeChunks(index: ChunkIndex, from: number, to: number, bytes: Uint8Array, room?: number): void;

  // ** plans **
  plan(label: string, lists: number): Plan;
  scores(label: string, lists: number): Scores;
  /**
   * scores (lists · tiles, capacity) = how interesting each closed chunk that ends at or before the tile's start is, or each
   * sub-block. q is (rows, heads · keyDim) after RoPE. Per asking head the scores are softmaxed over what it scored, then
   * summed over those of a list; where one head asks, only their order is promised. `scores` grows as needed.
   */
  scoreChunks(
    scores: Scores,
    q: Tensor,
    index: ChunkIndex,
    layer: number,
    tiles: Tiles,
    how: ChunkScoring,
  ): void;
  /**
   * scores = attention mass of each closed chunk named by `candidates`: exact q·k over its tokens, softmax per row and
   * head over all the tokens the candidates name, summed over the chunk's tokens, the tile's rows and the list's
   * heads. Chunks that no candidate names get −Infinity.
   */
  scoreTokens(
    scores: Scores,
    q: Tensor,
    kv: KvLayer,
    index: ChunkIndex,
    candidates: Plan,
    scale: number,
  ): void;
  /**
   * out (rows · heads, tokens) = the attention probabilities of a few rows over the keys that their tiles' ranges name, in
   * row r · heads + h: the softmax of scale · q·k, causal, exact over the stored keys; 0 where nothing is named. q and the
   * plan are of the same rows; tokens ≥ position + rows.
   */
  observe(out: Tensor, q: Tensor, kv: KvLayer, plan: Plan, scale: number): void;
  /** By row (list · tiles + tile): the scores of the chunks that the tile may choose from. */
  readScores(scores: Scores): Promise<Float32Array[]>;
  /**
   * Write a plan: sinks, `local` tokens before the tile, everything after the last boundary the tile may know, and the
   * tile itself are forced; then whole chunks in descending score order (ties: the later chunk first) until the
   * budget is spent, the last one cut at its start, or until they hold as much of the scores as `keep.mass` asks. Without scores only the forced set is kept. Where rows ask for
   * themselves, the budget and what it is a share of are those of a tile's first row. With scores of sub-blocks, sinks,
   * forced tail and choice are whole sub-blocks: what is left of the budget below 16 tokens is not spent.
   */
  select(plan: Plan, tiles: Tiles, keep: Keep, scores?: Scores, index?: ChunkIndex): void;
  /** Write a plan that the host knows: row list · tiles + tile holds a tile's ranges, as `Plan` promises them, or their lifts. */
  writePlan(plan: Plan, tiles: Tiles, rows: readonly (readonly Range[])[], lifts?: Lifts): void;
  /**
   * The plan's last tile goes on in a new call, `tiles`, whose rows are all of that tile: what it reads stays, lifts
   * included, and reaches to the last of these rows. Doing so twice is as good as once.
   */
  extend(plan: Plan, tiles: Tiles): void;
  /**
   * out = what `plan` names of what is kept, for the same rows; another plan than these two. `kept` is a plan of as many tiles
   * or of one, which then is for all of them; its last range has no end: what came after the choice is kept, and so is a
   * tile itself. Either may have one list for all of `out`. Ranges keep the lifts that `plan` gives them; `kept` has none.
   */
  keepOnly(out: Plan, plan: Plan, kept: Plan): void;
  readPlan(plan: Plan): Promise<Range[][]>;
  /** The pages that a plan's rows name, ascending, each once. Where the host can look: else they are found in `readPlan`. */
  namedPages?(plan: Plan): number[];

  // ** attention **
  /**
   * out (rows, heads · valueDim) = softmax(scale · q·Kᵀ + lifts) · V over the plan's ranges, causal inside them. Query head h
   * reads KV head ⌊h · kvHeads / heads⌋. Keys come in blocks aligned to absolute positions, so that the result depends
   * only on the row, its ranges and the pages. Adds the (row, key) pairs read, over lists, to the plan's counter: keys
   * outside a row's window, or a pass, are not read.
   */
  attend(out: Tensor, q: Tensor, kv: KvLayer, plan: Plan, how: AttendOptions): void;
  /** (row, key) pairs `attend` read with this plan since the last call of this, per list on average. */
  readPairs(plan: Plan): Promise<number>;

  /** Submit what was recorded. */
  flush(): void;
  close(): void;
}

/** Scores of chunks, (lists · tiles, chunks): written by `score…`, read by `select`. Grows as needed. */
export interface Scores {
  readonly label: string;
  readonly lists: number;
}
