import { LonghandError } from '../../errors.js';
import type { Backend } from '../backend.js';
import { demand, isRouted, isVector, shape, size } from '../shapes.js';
import { apart } from './apart.js';
import { bufferOf, type GpuDevice, slicesOf, startOf } from './device.js';
import { gridOf } from './grid.js';
import { f32 } from './recorder.js';
import { gpuFormats, layoutOf, layoutWords } from './weight-layout.js';

type Verbs = Pick<Backend, 'embed' | 'rmsNorm' | 'rope' | 'gate' | 'route' | 'add' | 'softcap'>;

/** Embedding, norms, rotation and gates. */
export const gpuLinear = (device: GpuDevice): Verbs => {
  const { recorder, nothing } = device;
  return {
    embed: (out, table, ids, scale = 1) => {
      demand(out.cols === table.cols && ids.length >= out.rows, 'embed', out, table);
      const rows = Array.from({ length: out.rows }, (_, row) => ids[row]!);
      for (const id of rows) {
        if (id >= 0 && id < table.rows && Number.isInteger(id)) continue;
        const message = `Token ${id} is not in ${shape(table)}. Use the ids of this model's own tokenizer.`;
        throw new LonghandError('input/option', message, { id, vocab: table.rows });
      }
      const { bits, grain, curved, minimums, factors, brain, plus } = gpuFormats[table.type];
      const flags = (curved ? 1 : 0) | (minimums ? 2 : 0) | (factors ? 4 : 0) | (brain ? 8 : 0);
      const layout = layoutOf(table.type, table.rows, table.cols);
      for (const { buffer, from, rows: held } of slicesOf(table)) {
        const place = [startOf(out), out.rows, out.cols, recorder.list(rows), from, held];
        recorder.run({
          kernel: 'embed',
          params: [...layoutWords(layout, held), ...place, bits, grain, flags, plus, f32(scale)],
          buffers: [bufferOf(out), buffer, recorder.lists],
          groups: gridOf(size(out)),
        });
      }
    },

    rmsNorm: (out, x, gain, eps) => {
      demand(out.rows === x.rows && out.cols === x.cols && isVector(gain, x.cols), 'rmsNorm', out, x, gain);
      // A row is read whole before it is written, so `out` may be `x` itself, but not another part of its rows.
      const inPlace = bufferOf(out) === bufferOf(x) && startOf(out) === startOf(x);
      const run = (buffer: typeof nothing, at: number): void =>
        recorder.run({
          kernel: 'rms-norm',
          params: [startOf(out), at, x.cols, inPlace ? 1 : 0, f32(eps)],
          buffers: [bufferOf(out), buffer, slicesOf(gain)[0]!.buffer],
          groups: [x.rows],
        });
      if (inPlace) run(nothing, startOf(x));
      else apart(device, x, out, run);
    },

    rope: (x, angles, pairing) => {
      const heads = x.rows / angles.rows;
      demand(Number.isInteger(heads) && angles.cols % 2 === 0 && angles.cols <= x.cols, 'rope', x, angles);
      const pairs = angles.cols / 2;
      const adjacent = pairing === 'adjacent' ? 1 : 0;
      apart(device, angles, x, (buffer, at) =>
        recorder.run({
          kernel: 'rope',
          params: [startOf(x), at, x.rows, heads, x.cols, pairs, adjacent],
          buffers: [bufferOf(x), buffer],
          groups: gridOf(x.rows * pairs),
        }),
      );
    },

    gate: (out, up, act) => {
      demand(size(out) === size(up), 'gate', out, up);
      apart(device, up, out, (buffer, at) =>
        recorder.run({
          kernel: 'gate',
          params: [startOf(out), at, size(out), act === 'gelu' ? 1 : 0],
          buffers: [bufferOf(out), buffer],
          groups: gridOf(size(out)),
        }),
      );
    },

    route: (out, scores, how) => {
      demand(isRouted(out, scores, how), 'route', out, scores);
      const { heads, shared, used } = how;
      const { rows, cols } = scores;
      const headDim = cols > heads + 2 ? cols / heads : 0;
      apart(device, scores, out, (buffer, at) =>
        recorder.run({
          kernel: 'route',
          params: [startOf(out), at, heads, out.cols / heads, cols, headDim, shared, used],
          buffers: [bufferOf(out), buffer],
          groups: [rows],
        }),
      );
    },

    add: (out, x) => {
      demand(size(out) === size(x), 'add', out, x);
      apart(device, x, out, (buffer, at) =>
        recorder.run({
          kernel: 'add',
          params: [startOf(out), at, size(out)],
          buffers: [bufferOf(out), buffer],
          groups: gridOf(size(out)),
        }),
      );
    },

    softcap: (out, cap) => {
      demand(cap > 0 && Number.isFinite(cap), `softcap of ${cap}`, out);
      recorder.run({
        kernel: 'softcap',
        params: [startOf(out), size(out), f32(cap), f32(1 / cap)],
        buffers: [bufferOf(out)],
        groups: gridOf(size(out)),
      });
    },
  };
};
