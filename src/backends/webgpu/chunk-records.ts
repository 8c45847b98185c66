import { boundBytes, meanBytes, mostBoundaries, sketchBytes } from '../../kv/chunks.js';
import { storedBoundaries } from '../../kv/stored-chunks.js';
import type { Backend } from '../backend.js';
import { demand } from '../kv-shape.js';
import {
  forgetFrom,
  type GpuChunkIndex,
  limitOf,
  reserveBoundaries,
  reserveSummaries,
} from './chunk-index.js';
import type { GpuDevice } from './device.js';
import { gridOf } from './grid.js';

type Verbs = Pick<Backend, 'readBoundaries' | 'readChunks' | 'writeChunks'>;

/** What an index holds, as it is stored. */
export const gpuChunkRecords = (device: GpuDevice): Verbs => {
  const { buffers, recorder } = device;
  return {
    readBoundaries: async (index) => {
      const { boundaries, shape, pages } = index as GpuChunkIndex;
      const words = new Uint32Array(
        await recorder.read(boundaries, 0, 4 * (1 + mostBoundaries(shape.boundaries, pages))),
      );
      return words.slice(1, 1 + words[0]!);
    },

    readChunks: async (index, from, to) => {
      const own = index as GpuChunkIndex;
      const { shape, layers } = own;
      demand(
        to <= own.pages && layers.every(({ pages }) => pages >= to),
        `Chunks of pages ${from} to ${to} were read, but the index is not that far.`,
      );
      const most = mostBoundaries(shape.boundaries, to - from);
      const mean = meanBytes(shape);
      const sketches = (to - from) * sketchBytes(shape);
      const bounds = (to - from) * boundBytes(shape);
      const pages = sketches + bounds;
      const bytesOf = (closed: number): number => 4 + 4 * closed + layers.length * (closed * mean + pages);
      const out = buffers.take('chunks, read', bytesOf(most), 'activations');
      const gather = (layer: number, header: 0 | 1, words: number): void => {
        const nothing = { means: own.edges, sketches: own.edges, bounds: own.edges };
        const { means, sketches: planes, bounds: edges } = layers[layer] ?? nothing;
        recorder.run({
          kernel: 'read-chunks',
          params: [
            ...[limitOf(own, from), limitOf(own, to), layer, header, mean / 4],
            ...[sketches / 4, (from * sketchBytes(shape)) / 4, bounds / 4, (from * boundBytes(shape)) / 4],
          ],
          buffers: [out, own.boundaries, means.buffer, planes.buffer, edges.buffer],
          groups: gridOf(words),
        });
      };
      gather(0, 1, 1 + most);
      layers.forEach((_, layer) => {
        gather(layer, 0, (most * mean + pages) / 4);
      });
      const reading = recorder.read(out, 0, bytesOf(most));
      buffers.give(out);
      const bytes = new Uint8Array(await reading);
      return bytes.slice(0, bytesOf(new DataView(bytes.buffer).getUint32(0, true)));
    },

    writeChunks: (index, from, to, bytes, room = to) => {
      const own = index as GpuChunkIndex;
      const { shape, layers } = own;
      demand(from <= own.pages, `Chunks of page ${from} were written after those of ${own.pages}.`);
      const closed = storedBoundaries(shape, from, to, bytes).length;
      const pages = Math.max(to, room);
      reserveBoundaries(own, pages);
      for (const layer of layers) reserveSummaries(own, layer, pages);
      forgetFrom(own, from);
      const raw = buffers.take('chunks, written', bytes.length, 'activations');
      recorder.write(raw, 0, bytes);
      const limit = limitOf(own, from);
      recorder.run({
        kernel: 'write-boundaries',
        params: [limit, closed, 1],
        buffers: [own.boundaries, raw],
        groups: [1],
      });
      const means = closed * meanBytes(shape);
      const sketches = (to - from) * sketchBytes(shape);
      const bounds = (to - from) * boundBytes(shape);
      layers.forEach((layer, i) => {
        const at = 4 + 4 * closed + i * (means + sketches + bounds);
        recorder.run({
          kernel: 'write-chunks',
          params: [limit, at / 4, means / 4, meanBytes(shape) / 4],
          buffers: [layer.means.buffer, own.boundaries, raw],
          groups: gridOf(means / 4),
        });
        if (sketches > 0) {
          recorder.copy(layer.sketches.buffer, from * sketchBytes(shape), raw, at + means, sketches);
        }
        if (bounds > 0) {
          const boundsAt = at + means + sketches;
          recorder.copy(layer.bounds.buffer, from * boundBytes(shape), raw, boundsAt, bounds);
        }
        layer.pages = to;
      });
      buffers.give(raw);
      own.pages = to;
    },
  };
};
