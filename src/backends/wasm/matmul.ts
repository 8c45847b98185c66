import type { Backend, Tensor, Weight } from '../backend.js';
import { isFloat, rowBytes } from '../row-formats.js';
import type { Device } from './device.js';
import type { Part } from './jobs.js';
import { at, demand, isVector } from './shapes.js';
import { formats, type Panels, panelBytes, ROWS } from './shares.js';

/** One product that has been checked and waits for its fellows. */
interface Product {
  readonly out: Tensor;
  readonly w: Weight;
  readonly bias: number;
}

/** Memory for unpacked weights: the bytes of each thread. */
interface Spare {
  readonly start: number;
  readonly bytes: number;
}

/** Most products of one input that wait for each other (q, k and v are three). */
const MOST = 4;

// Rates of one thread, for a first guess at how long something takes: bytes of weights that stream from memory,
// operations of an integer product, bytes of activations that are packed.
const STREAM_PER_US = 11_000;
const OPERATIONS_PER_US = 60_000;
const PACK_PER_US = 2_000;

const overlap = (a: Tensor, b: Tensor): boolean =>
  at(a) < at(b) + b.rows * b.cols * 4 && at(b) < at(a) + a.rows * a.cols * 4;

/**
 * Projections. Products of the same input that follow each other (q, k and v; gate and up) wait for one another: their
 * input is packed once, whatever the formats of quantised weights, and they run as one job. `settle` runs what waits;
 * whoever reads or writes device memory calls it first, so no verb ever sees a product that has not run, and a packed
 * input is never used after it could change.
 */
export const wasmMatmul = ({
  heap,
  kernels,
  jobs,
}: Device): Pick<Backend, 'matmul'> & { settle: () => void } => {
  let input: Tensor | undefined;
  let kind: Panels = 'floats';
  let waiting: Product[] = [];
  let panels = { start: 0, bytes: 0 };

  /** Memory for packed input: apart from scratch, which other verbs hand out again. */
  const room = (bytes: number): void => {
    if (bytes <= panels.bytes) return;
    if (panels.bytes > 0) heap.free(panels.start);
    panels = { start: 0, bytes: 0 };
    panels = { start: heap.alloc(bytes, 'activations'), bytes };
  };

  const packed = (x: Tensor): Part => {
    const pieces = jobs.pieces((x.rows * x.cols * 4) / PACK_PER_US);
    const grain = Math.ceil(x.rows / pieces / 4) * 4;
    const args = [kind === 'floats' ? 1 : 0, panels.start, at(x), x.rows, x.cols, grain];
    return { share: 'panels', items: Math.ceil(x.rows / grain), args };
  };

  const spareFor = (x: Tensor): Spare => {
    if (kind === 'floats' || x.rows === 1) return { start: 0, bytes: 0 };
    const bytes = Math.ceil(kernels.matmulSpare!(x.cols) / 64) * 64;
    return { start: heap.scratch(jobs.threads * bytes), bytes };
  };

  const multiplied = ({ out, w, bias }: Product, x: Tensor, pieces: number, spare: Spare): Part => {
    const tiles = Math.ceil(w.rows / 16);
    const blocks = Math.ceil(x.rows / ROWS);
    const grain = Math.ceil(tiles / Math.max(1, Math.ceil(pieces / blocks)));
    const format = formats.indexOf(w.type);
    const args = [format, at(out), panels.start, at(w), x.rows, w.rows, x.cols, bias, grain];
    args.push(spare.start, spare.bytes);
    return { share: 'matmul', items: Math.ceil(tiles / grain) * blocks, args };
  };

  const settle = (): void => {
    if (!input) return;
    const [x, products] = [input, waiting];
    input = undefined;
    waiting = [];
    jobs.run(packed(x));
    let outputs = 0;
    let bytes = 0;
    for (const { w } of products) {
      outputs += w.rows;
      bytes += w.rows * rowBytes(w.type, w.cols);
    }
    const work = Math.max(bytes / STREAM_PER_US, (2 * x.rows * outputs * x.cols) / OPERATIONS_PER_US);
    const pieces = x.rows === 1 ? jobs.streams(work) : jobs.pieces(work);
    const spare = spareFor(x);
    jobs.run(...products.map((one) => multiplied(one, x, Math.ceil((pieces * one.w.rows) / outputs), spare)));
  };

  return {
    settle,
    matmul: (out, x, w, bias) => {
      const fits = x.cols === w.cols && out.cols === w.rows && out.rows === x.rows;
      if (!fits || (bias && !isVector(bias, w.rows)))
        demand(false, 'matmul', out, x, w, ...(bias ? [bias] : []));
      const offsets = bias ? at(bias) : 0;
      const needed: Panels = isFloat(w.type) ? 'floats' : 'quantised';
      const joins =
        input !== undefined &&
        at(input) === at(x) &&
        input.rows === x.rows &&
        input.cols === x.cols &&
        kind === needed &&
        waiting.length < MOST &&
        w.rows > 1 &&
        !waiting.some((other) => overlap(other.out, out));
      if (!joins) settle();
      if (w.type === 'F32' && w.rows === 1) {
        kernels.matmulVector!(at(out), at(x), at(w), x.rows, x.cols, offsets);
        return;
      }
      if (!joins) {
        room(panelBytes(kernels, needed, x.rows, x.cols));
        input = x;
        kind = needed;
      }
      waiting.push({ out, w, bias: offsets });
      // A product that writes its own input, or something beside it, must not be waited for.
      if (overlap(out, x)) settle();
    },
  };
};
