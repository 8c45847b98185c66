import type { Backend, Tensor, Weight } from '../backend.js';
import { isFloat, type WeightType } from '../row-formats.js';
import { demand, isVector, size } from '../shapes.js';
import { apart } from './apart.js';
import type { GpuBuffer } from './buffers.js';
import { bufferOf, type GpuDevice, slicesOf, startOf } from './device.js';
import { gridOf } from './grid.js';
import type { Overrides } from './pipelines.js';
import { gpuFormats, layoutOf, layoutWords } from './weight-layout.js';

/** A sum over inputs is made of so many parts, whatever the number of rows: see shaders/matmul.wgsl. */
const PARTS = 16;
/** Groups that keep a machine busy; with fewer, parts are computed by threads of their own. */
const BUSY_GROUPS = 512;
const NO_BIAS = 0xffffffff;

/** What a workgroup has of a product. Whatever it is, a row's bits are the same. */
export interface ProductTile {
  /** Outputs, a thread for each. */
  readonly outputs: number;
  /** Rows of a thread, in fours. */
  readonly quads: 1 | 2;
}

/** Before a device was timed: what does least harm. */
export const PLAIN_TILE: ProductTile = { outputs: 64, quads: 1 };

/** A format's constants in matmul.wgsl or matmul-floats.wgsl (with a tile), or in matvec.wgsl (without). */
export const overridesOf = (type: WeightType, single: boolean, tile?: ProductTile): Overrides => ({
  ...formatOf(type, single),
  ...(tile && { OUTPUTS: tile.outputs, QUADS: tile.quads }),
});

const formatOf = (type: WeightType, single: boolean): Overrides => {
  const { bits, grain, curved, minimums, factors, brain, plus } = gpuFormats[type];
  if (grain === 1) return { PAIRS: Number(bits === 16), BRAIN: Number(brain) };
  return {
    NIBBLES: Number(bits === 4),
    CURVED: Number(curved),
    SIXTEEN: Number(grain === 16),
    MINIMUMS: Number(minimums),
    FACTORS: Number(factors),
    PLUS: plus,
    SINGLE: Number(single),
  };
};

/** Activations in panels, and when they were made. */
interface Panels {
  readonly buffer: GpuBuffer;
  readonly of: GpuBuffer;
  readonly version: number;
  readonly at: number;
  readonly rows: number;
  readonly cols: number;
}

/** Outputs of a workgroup of matvec.wgsl. */
const AT_ONCE = 16;

/** How products are made. What is said here holds for the next call; bits are the same either way. */
export interface ProductWays {
  /** The parts of one row are added where they were made (shaders/matvec.wgsl), not by a dispatch of their own. */
  together: boolean;
  tile: ProductTile;
}

export const plainWays = (): ProductWays => ({ together: false, tile: PLAIN_TILE });

/** Projections. What q, k and v, or gate and up, have in common, their quantised input, is made once. */
export const gpuMatmul = (device: GpuDevice, ways: ProductWays = plainWays()): Pick<Backend, 'matmul'> => {
  const { buffers, recorder, nothing } = device;
  let last: Panels | undefined;

  const panelsOf = (x: Tensor): Panels => {
    const [of, at, { rows, cols }] = [bufferOf(x), startOf(x), x];
    const isLast = last?.of === of && last.version === of.version && last.at === at;
    if (last && isLast && last.rows === rows && last.cols === cols) return last;
    if (last) buffers.give(last.buffer);
    last = undefined;
    const blocks = Math.ceil(rows / 4) * 4 * (cols / 32);
    const buffer = buffers.take('panels', blocks * (8 + 1 + 2) * 4, 'activations');
    recorder.run({
      kernel: 'panels',
      params: [at, rows, cols, blocks * 8, blocks * 9],
      buffers: [buffer, of],
      groups: gridOf(blocks),
    });
    last = { buffer, of, version: of.version, at, rows, cols };
    return last;
  };

  /** One slice of a weight, by `multiply`, in one go or part by part. */
  const sliced = (
    out: Tensor,
    w: Weight,
    bias: Weight | undefined,
    units: number,
    { outputs: wide, quads }: ProductTile,
    multiply: (
      to: GpuBuffer,
      weights: GpuBuffer,
      biases: GpuBuffer,
      place: number[],
      partUnits: number,
      tail: number[],
      grid: [number, number, number],
    ) => void,
  ): void => {
    const biases = bias ? slicesOf(bias)[0]!.buffer : nothing;
    const partUnits = Math.ceil(units / PARTS);
    const parts = Math.ceil(units / partUnits);
    for (const { buffer, from, rows: outputs } of slicesOf(w)) {
      const grid = [Math.ceil(outputs / wide), Math.ceil(out.rows / (4 * quads))] as const;
      const [outAt, biasAt] = [startOf(out) + from, bias ? from : NO_BIAS];
      if (parts === 1 || grid[0] * grid[1] >= BUSY_GROUPS) {
        const place = [outAt, out.cols, out.rows, outputs];
        multiply(bufferOf(out), buffer, biases, place, partUnits, [PARTS, biasAt], [...grid, 1]);
        continue;
      }
      const sums = buffers.take('parts', parts * out.rows * outputs * 4, 'activations');
      multiply(
        sums,
        buffer,
        biases,
        [0, outputs, out.rows, outputs],
        partUnits,
        [1, NO_BIAS],
        [...grid, parts],
      );
      recorder.run({
        kernel: 'parts',
        params: [outAt, out.cols, out.rows, outputs, parts, biasAt],
        buffers: [bufferOf(out), sums, biases],
        groups: gridOf(out.rows * outputs),
      });
      buffers.give(sums);
    }
  };

  /** One row by a quantised weight, a dispatch for each slice. */
  const row = (out: Tensor, x: Tensor, w: Weight, bias?: Weight): void => {
    const layout = layoutOf(w.type, w.rows, w.cols);
    const blocks = w.cols / 32;
    const partBlocks = Math.ceil(blocks / PARTS);
    const panels = panelsOf(x);
    for (const { buffer, from, rows: outputs } of slicesOf(w)) {
      recorder.run({
        kernel: 'matvec',
        overrides: overridesOf(w.type, true),
        params: [
          ...layoutWords(layout, outputs),
          ...[startOf(out) + from, out.cols, 1, outputs, blocks, partBlocks, Math.ceil(blocks / partBlocks)],
          ...[bias ? from : NO_BIAS, blocks * 8, blocks * 9],
        ],
        buffers: [bufferOf(out), panels.buffer, buffer, bias ? slicesOf(bias)[0]!.buffer : nothing],
        groups: [Math.ceil(outputs / AT_ONCE)],
      });
    }
  };

  const quantised = (out: Tensor, x: Tensor, w: Weight, bias?: Weight): void => {
    if (x.rows === 1 && ways.together) {
      row(out, x, w, bias);
      return;
    }
    const layout = layoutOf(w.type, w.rows, w.cols);
    const blocks = w.cols / 32;
    const panels = panelsOf(x);
    const wide = Math.ceil(x.rows / 4) * blocks;
    const single = x.rows === 1;
    const tile = single ? PLAIN_TILE : ways.tile;
    const overrides = overridesOf(w.type, single, tile);
    sliced(out, w, bias, blocks, tile, (to, weights, biases, place, partBlocks, [parts, biasAt], groups) =>
      recorder.run({
        kernel: 'matmul',
        overrides,
        params: [
          ...layoutWords(layout, place[3]!),
          ...[...place, blocks, partBlocks, parts!, biasAt!],
          ...[wide * 8, wide * 9],
        ],
        buffers: [to, panels.buffer, weights, biases],
        groups,
      }),
    );
  };

  const floats = (out: Tensor, x: Tensor, w: Weight, bias?: Weight): void => {
    const layout = layoutOf(w.type, w.rows, w.cols);
    // Up to four rows by one pipeline: one row has the same as many, and no other half.
    const tile = x.rows <= 4 ? PLAIN_TILE : ways.tile;
    const overrides = overridesOf(w.type, false, tile);
    apart(device, x, out, (source, at) =>
      // Two inputs are a word of f16.
      sliced(
        out,
        w,
        bias,
        Math.ceil(w.cols / 2),
        tile,
        (to, weights, biases, place, pairs, [parts, biasAt], groups) =>
          recorder.run({
            kernel: 'matmul-floats',
            overrides,
            params: [
              ...layoutWords(layout, place[3]!),
              ...[...place, w.cols, 2 * pairs, parts!, biasAt!, at],
            ],
            buffers: [to, source, weights, biases],
            groups,
          }),
      ),
    );
  };

  return {
    matmul: (out, x, w, bias) => {
      const fits = x.cols === w.cols && out.cols === w.rows && out.rows === x.rows;
      demand(fits && (!bias || isVector(bias, w.rows)), 'matmul', out, x, w, ...(bias ? [bias] : []));
      if (size(out) > 0) (isFloat(w.type) ? floats : quantised)(out, x, w, bias);
    },
  };
};
