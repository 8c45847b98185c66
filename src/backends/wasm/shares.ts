import { isFloat, ROW_FORMATS, type WeightType } from '../row-formats.js';
import type { Kernels } from './kernels.js';

/** One item of a job as calls of kernels, on any thread. */
export type Share = (kernels: Kernels, args: ArrayLike<number>, item: number, thread: number) => void;

/** Formats of weights by number: arguments of a job are numbers. */
export const formats = Object.keys(ROW_FORMATS) as readonly WeightType[];

const products = formats.map((format) => `matmul${format}`);

/** Rows that are multiplied in one go: a tile of weights stays in the first cache while they meet it. */
export const ROWS = 128;

/** Kernels (arguments in memory, from, to, scratch), whose items may run in any order, on any thread. */
export const rangedKernels = [
  'attend',
  'scoreMeans',
  'scoreBounds',
  'scoreSketches',
  'scoreTokens',
  'observe',
  'select',
] as const;
export type RangedKernel = (typeof rangedKernels)[number];

/** Weights that packed input is for: all quantised ones share one form of it, and so do all floats. */
export type Panels = 'quantised' | 'floats';
const panelsOf = (format: number): Panels => (isFloat(formats[format]!) ? 'floats' : 'quantised');

/** Bytes of packed input; where rows from `rows` on begin. */
export const panelBytes = (kernels: Kernels, kind: Panels, rows: number, cols: number): number =>
  kernels.panelBytes!(kind === 'floats' ? 1 : 0, rows, cols);

// Each names its arguments in order, and splits what it is given so that no item writes what another one touches.
const table = {
  /** 1 for floats or 0, panels, x, rows, cols, rows of an item (a multiple of 4: rows are packed in fours). */
  panels: (kernels, a, item) => {
    const [rows, cols, grain] = [a[3]!, a[4]!, a[5]!];
    const from = item * grain;
    const pack = a[0] === 1 ? kernels.panelsF32! : kernels.panelsQ8!;
    pack(
      a[1]! + panelBytes(kernels, a[0] === 1 ? 'floats' : 'quantised', from, cols),
      a[2]! + from * cols * 4,
      Math.min(grain, rows - from),
      cols,
    );
  },

  /**
   * format, out, panels, w, rows, n, k, bias, tiles of an item, scratch, bytes of scratch for each thread. Items go through
   * all rows before the next tiles.
   */
  matmul: (kernels, a, item, thread) => {
    const [format, rows, n, k, grain] = [a[0]!, a[4]!, a[5]!, a[6]!, a[8]!];
    const blocks = Math.ceil(rows / ROWS);
    const row = (item % blocks) * ROWS;
    const tile = Math.floor(item / blocks) * grain;
    kernels[products[format]!]!(
      a[1]! + row * n * 4,
      a[2]! + panelBytes(kernels, panelsOf(format), row, k),
      a[3]!,
      Math.min(ROWS, rows - row),
      n,
      k,
      a[7]!,
      tile,
      Math.min(Math.ceil(n / 16), tile + grain),
      a[9]! + thread * a[10]!,
    );
  },

  /** out, x, gain, rows, cols, eps, rows of an item. */
  rmsNorm: (kernels, a, item) => {
    const [rows, cols, grain] = [a[3]!, a[4]!, a[6]!];
    const from = item * grain;
    const skip = from * cols * 4;
    kernels.rmsNorm!(a[0]! + skip, a[1]! + skip, a[2]!, Math.min(grain, rows - from), cols, a[5]!);
  },

  /** 1 for silu or 2 for gelu, out, up, count, elements of an item (a multiple of 16). */
  gate: (kernels, a, item) => {
    const from = item * a[4]!;
    const gate = a[0] === 1 ? kernels.gateSilu! : kernels.gateGelu!;
    gate(a[1]! + from * 4, a[2]! + from * 4, Math.min(a[4]!, a[3]! - from));
  },

  /** out, x, count, elements of an item (a multiple of 16). */
  add: (kernels, a, item) => {
    const from = item * a[3]!;
    kernels.add!(a[0]! + from * 4, a[1]! + from * 4, Math.min(a[3]!, a[2]! - from));
  },

  /** 1 for half or 2 for adjacent pairs, x, angles, tokens, heads, width of a head, pairs, tokens of an item. */
  rope: (kernels, a, item) => {
    const [tokens, heads, headDim, pairs, grain] = [a[3]!, a[4]!, a[5]!, a[6]!, a[7]!];
    const from = item * grain;
    const rotate = a[0] === 1 ? kernels.ropeHalf! : kernels.ropeAdjacent!;
    rotate(
      a[1]! + from * heads * headDim * 4,
      a[2]! + from * pairs * 8,
      Math.min(grain, tokens - from),
      heads,
      headDim,
      pairs,
    );
  },

  /**
   * table, k, v, position, rows, KV heads, width of a key, of a value, codec of keys, of values, rows of an item,
   * scratch, bytes of scratch for each thread. Tokens of a page share no byte.
   */
  appendKv: (kernels, a, item, thread) => {
    const [rows, kvHeads, keyDim, valueDim, grain] = [a[4]!, a[5]!, a[6]!, a[7]!, a[10]!];
    const from = item * grain;
    kernels.appendKv!(
      a[0]!,
      a[1]! + from * kvHeads * keyDim * 4,
      a[2]! + from * kvHeads * valueDim * 4,
      a[3]! + from,
      Math.min(grain, rows - from),
      kvHeads,
      keyDim,
      valueDim,
      a[8]!,
      a[9]!,
      a[11]! + thread * a[12]!,
    );
  },

  /** out, x, taps, bias, rows, channels, channels of an item (a multiple of 4). */
  convolve: (kernels, a, item) => {
    const from = item * a[6]!;
    kernels.convolve!(a[0]!, a[1]!, a[2]!, a[3]!, a[4]!, a[5]!, from, Math.min(a[5]!, from + a[6]!));
  },

  /** out, mixed, steps, decays, skip, states, rows, heads, width of a head, of its state, heads of an item. */
  recur: (kernels, a, item) => {
    const [rows, heads, headDim, state, grain] = [a[6]!, a[7]!, a[8]!, a[9]!, a[10]!];
    const [from, to] = [item * grain, Math.min(heads, (item + 1) * grain)];
    kernels.recur!(a[0]!, a[1]!, a[2]!, a[3]!, a[4]!, a[5]!, rows, heads, headDim, state, from, to);
  },

  /** kernel by number, record of its arguments, items of the kernel, items of an item, scratch, bytes for each thread. */
  ranged: (kernels, a, item, thread) => {
    const from = item * a[3]!;
    kernels[rangedKernels[a[0]!]!]!(a[1]!, from, Math.min(a[2]!, from + a[3]!), a[4]! + thread * a[5]!);
  },
} satisfies Record<string, Share>;

export type ShareName = keyof typeof table;
export const shares: Readonly<Record<ShareName, Share>> = table;
/** In the order that all threads agree on. */
export const shareNames = Object.keys(table) as readonly ShareName[];
