import { type Backend, mixedChannels, PAGE, TAPS } from '../backend.js';
import { checkRecur } from '../kv-shape.js';
import type { Device, WasmKvLayer } from './device.js';
import { at } from './shapes.js';

// Numbers that one thread gets through in a microsecond, as a first guess.
const CONVOLVED_PER_US = 1_000;
const RECURRED_PER_US = 4_000;

/** ln(1 + eˣ), as exactly for great x as for small ones. */
const softplus = (x: number): number => (x > 20 ? x : Math.log1p(Math.exp(x)));

/** Layers that have a state instead of keys and values. */
export const wasmStates = (
  { heap, jobs }: Device,
  pages: Pick<Backend, 'peekPage' | 'writePage'>,
): Pick<Backend, 'recur'> => {
  /** Address of the page that rows before `to` leave their state in, which now holds that of the rows before `from`. */
  const stateFor = (kv: WasmKvLayer, from: number, to: number): number => {
    const page = Math.ceil(to / PAGE) - 1;
    const before = Math.ceil(from / PAGE) - 1;
    // Copied, because memory that grows takes its views away.
    if (from === 0) pages.writePage(kv, page, new Uint8Array(kv.pageBytes));
    else if (before !== page) pages.writePage(kv, page, pages.peekPage!(kv, before).slice());
    return heap.u32(kv.table, kv.pages)[page]!;
  };

  return {
    recur: (out, x, steps, layer, w, position) => {
      const kv = layer as WasmKvLayer;
      const shape = checkRecur(out, x, steps, kv, w, position);
      const { heads, headDim, state } = shape;
      const channels = mixedChannels(shape);
      const kept = (TAPS - 1) * channels;

      /** Rows [from, to) of the call, whose state is left in one page. */
      const advance = (from: number, to: number): void => {
        const rows = to - from;
        const page = stateFor(kv, position + from, position + to);
        const scratch = heap.scratch(4 * (kept + 2 * rows * channels + 2 * rows * heads));
        const mixed = scratch + 4 * (kept + rows * channels);
        const stepsAt = mixed + 4 * rows * channels;
        const decaysAt = stepsAt + 4 * rows * heads;
        const met = heap.f32(scratch, kept + rows * channels);
        met.set(heap.f32(page, kept));
        met.set(heap.f32(at(x) + 4 * from * channels, rows * channels), kept);
        heap.f32(page, kept).set(met.subarray(rows * channels));

        const [bias, decay] = [heap.f32(at(w.stepBias), heads), heap.f32(at(w.decay), heads)];
        const raw = heap.f32(at(steps) + 4 * from * heads, rows * heads);
        const [lengths, fades] = [heap.f32(stepsAt, rows * heads), heap.f32(decaysAt, rows * heads)];
        raw.forEach((step, i) => {
          const length = softplus(step + bias[i % heads]!);
          lengths[i] = length;
          fades[i] = Math.exp(length * decay[i % heads]!);
        });

        const quads = channels / 4;
        const grain = 4 * Math.ceil(quads / jobs.pieces((rows * channels) / CONVOLVED_PER_US));
        jobs.run({
          share: 'convolve',
          items: Math.ceil(channels / grain),
          args: [mixed, scratch, at(w.conv), at(w.convBias), rows, channels, grain],
        });
        const some = Math.ceil(heads / jobs.pieces((rows * heads * headDim * state) / RECURRED_PER_US));
        const to4 = at(out) + 4 * from * heads * headDim;
        jobs.run({
          share: 'recur',
          items: Math.ceil(heads / some),
          args: [
            ...[to4, mixed, stepsAt, decaysAt, at(w.skip), page + 4 * kept],
            ...[rows, heads, headDim, state, some],
          ],
        });
        kv.met = position + to;
      };

      const filled = Math.floor((position + x.rows) / PAGE) * PAGE - position;
      const cut = filled < x.rows ? Math.max(0, filled) : 0;
      if (cut > 0) advance(0, cut);
      advance(cut, x.rows);
    },
  };
};
