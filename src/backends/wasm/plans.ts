import { knownBlocks } from '../../kv/chunks.js';
import {
  askingRows,
  type Backend,
  massShare,
  PAGE,
  type Range,
  SUB_BLOCK,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../backend.js';
import { checkPlan } from '../check-plan.js';
import { checkKept } from '../kv-shape.js';
import { boundariesOf, type WasmChunkIndex } from './chunk-index.js';
import type { Device, WasmPlan } from './device.js';
import { eligible, mustMatch } from './eligible.js';
import { type Growing, growing } from './growing.js';
import { keepRanges } from './keep-ranges.js';
import { rangedRoom, runRanged } from './ranged.js';
import type { WasmScores } from './scores.js';

const NOTHING: Tiles = { position: 0, rows: 0, tileRows: 1 };

/** Arguments of `select`, in words (assembly/select.ts). */
const WORDS = 9;
/** Chunks that are looked at in a microsecond, about: what a job is worth. */
const SELECTED_PER_US = 100;

/** Plans, made from scores. */
export const wasmPlans = (
  device: Device,
): Pick<Backend, 'plan' | 'select' | 'writePlan' | 'extend' | 'keepOnly' | 'readPlan' | 'namedPages'> => {
  const { heap, kernels } = device;

  /** `chosen`: the most ranges of a tile beside its sinks and its tail. `lifted`: whether they have lifts. */
  const shapePlan = (plan: WasmPlan, tiles: Tiles, chosen: number, lifted = false): void => {
    const rows = plan.lists * tileCount(tiles);
    const capacity = chosen + 5;
    const own = plan as WasmPlan & { readonly memory: Growing };
    own.memory.reserve(rows * (4 + capacity * (lifted ? 12 : 8)) + 8);
    plan.tiles = tiles;
    plan.capacity = capacity;
    plan.ranges = own.memory.start;
    plan.counts = own.memory.start + rows * capacity * 8;
    plan.lifts = lifted ? plan.counts + rows * 4 : 0;
  };

  /** What a row has room for; of a plan that has lifts. */
  const liftsOf = ({ lifts, capacity }: WasmPlan, row: number): Float32Array | undefined =>
    lifts === 0 ? undefined : heap.f32(lifts + row * capacity * 4, capacity);

  /** What is read whatever scores say, [0, sinks) and [forced, end), of one tile for all lists. */
  const putForced = (plan: WasmPlan, tile: number, sinks: number, forced: number, end: number): void => {
    const { words } = heap;
    const tiles = tileCount(plan.tiles);
    const first = Math.min(sinks, end);
    const apart = first > 0 && first < forced;
    for (let row = tile; row < plan.lists * tiles; row += tiles) {
      const at = (plan.ranges + row * plan.capacity * 8) / 4;
      words[at] = first > 0 ? 0 : forced;
      words[at + 1] = apart ? first : end;
      words[at + 2] = forced;
      words[at + 3] = end;
      words[plan.counts / 4 + row] = apart ? 2 : 1;
    }
  };

  const rangesOf = ({ ranges, counts, capacity }: WasmPlan, row: number): Uint32Array =>
    heap.u32(ranges + row * capacity * 8, 2 * heap.u32(counts + 4 * row, 1)[0]!);

  return {
    plan(label, lists): WasmPlan {
      const memory = growing(heap, 'chunks');
      const own = { label, lists, memory, tiles: NOTHING, counts: 0, ranges: 0, capacity: 0 };
      return Object.assign(own, { lifts: 0, pairs: 0, release: memory.release });
    },

    select(plan, tiles, keep, scores, index) {
      const own = plan as WasmPlan;
      const chunks = index as WasmChunkIndex | undefined;
      const scored = scores as WasmScores | undefined;
      const count = tileCount(tiles);
      mustMatch(
        !scored || (scored.lists === plan.lists && tileCount(scored.tiles) === count),
        'Scores and plan',
      );
      const share = scored ? massShare(keep) : 0;
      const blocks = scored?.blocks ?? false;
      const most = blocks ? scored!.stride : (chunks?.count ?? 0);
      const boundaries = chunks && !blocks ? boundariesOf(device, chunks) : undefined;
      const perTile: number[] = [];
      if (!scored) shapePlan(own, tiles, 0);
      for (let tile = 0; tile < count; tile++) {
        const start = tileStart(tiles, tile);
        const end = tileEnd(tiles, tile);
        const n = blocks ? knownBlocks(start) : chunks ? eligible(device, chunks, start) : 0;
        const known = blocks ? n * SUB_BLOCK : boundaries ? boundaries[n]! : start;
        const whole = blocks ? SUB_BLOCK : 1;
        const forced = Math.floor(Math.max(0, Math.min(known, start - keep.local)) / whole) * whole;
        /** The end of the rows that choose. */
        const reach = start + askingRows(tiles, tile);
        const sinks = Math.min(Math.ceil(keep.sinks / whole) * whole, reach);
        const taken = sinks >= forced ? reach : sinks + reach - forced;
        const budget = Math.max(keep.budget, Math.ceil((keep.density ?? 0) * reach));
        const all = budget >= reach && share === 0;
        const left = all ? 0 : Math.max(0, Math.min(budget, reach) - taken);
        if (!scored) putForced(own, tile, sinks, all ? 0 : forced, end);
        else perTile.push(all ? 0 : n, sinks, all ? 0 : forced, end, left);
      }
      if (!scored) return;
      // Whatever is chosen, a gap lies between two ranges; of sub-blocks no more than the budget has room for.
      const affordable = blocks ? Math.max(0, ...perTile.filter((_, i) => i % 5 === 4)) / SUB_BLOCK : most;
      shapePlan(own, tiles, Math.min(most >> 1, Math.ceil(affordable)));
      const record = 4 * (WORDS + 5 * count);
      const room = kernels.selectScratch!(most);
      const args = rangedRoom(device, record, room);
      const table = args + 4 * WORDS;
      heap.u32(table, 5 * count).set(perTile);
      heap
        .u32(args, WORDS)
        .set([
          ...[own.counts, own.ranges, own.capacity, count, scored.memory.start, scored.stride],
          ...[boundaries ? chunks!.boundaries.start : 0, table, share],
        ]);
      const items = plan.lists * count;
      runRanged(device, 'select', args, record, room, items, (items * most) / SELECTED_PER_US);
    },

    writePlan(plan, tiles, rows, lifts) {
      checkPlan(plan.lists, tiles, rows, lifts);
      const own = plan as WasmPlan;
      shapePlan(own, tiles, Math.max(0, ...rows.map((ranges) => ranges.length)), !!lifts);
      heap.u32(own.counts, rows.length).set(rows.map((ranges) => ranges.length));
      rows.forEach((ranges, row) => {
        heap.u32(own.ranges + row * own.capacity * 8, 2 * ranges.length).set(ranges.flat());
        liftsOf(own, row)?.set(lifts![row]!.map((lift) => lift / Math.LN2));
      });
    },

    extend(plan, tiles) {
      const own = plan as WasmPlan;
      const before = tileCount(own.tiles);
      const lastOf = (list: number): number => (list + 1) * before - 1;
      const counts = Array.from({ length: own.lists }, (_, list) => {
        return heap.u32(own.counts + 4 * lastOf(list), 1)[0]!;
      });
      counts.forEach((count, list) => {
        const to = heap.u32(own.ranges + list * own.capacity * 8, 2 * count);
        if (before > 1) to.set(heap.u32(own.ranges + lastOf(list) * own.capacity * 8, 2 * count));
        to[2 * count - 1] = tiles.position + tiles.rows;
        liftsOf(own, list)?.set(liftsOf(own, lastOf(list))!);
      });
      own.tiles = tiles;
      own.counts = own.ranges + own.lists * own.capacity * 8;
      heap.u32(own.counts, own.lists).set(counts);
    },

    keepOnly(out, plan, keeping) {
      checkKept(out, plan, keeping);
      const [own, named, kept] = [out as WasmPlan, plan as WasmPlan, keeping as WasmPlan];
      const [count, choices] = [tileCount(named.tiles), tileCount(kept.tiles)];
      shapePlan(own, named.tiles, named.capacity + kept.capacity, named.lifts > 0);
      for (let row = 0; row < own.lists * count; row++) {
        const [list, tile] = [Math.floor(row / count), row % count];
        const source = (named.lists === 1 ? 0 : list) * count + tile;
        const from = rangesOf(named, source);
        const among = rangesOf(kept, (kept.lists === 1 ? 0 : list) * choices + (choices === 1 ? 0 : tile));
        const to = heap.u32(own.ranges + row * own.capacity * 8, own.capacity * 2);
        const lifts = liftsOf(own, row) && ([liftsOf(own, row)!, liftsOf(named, source)!] as const);
        const ranges = keepRanges(to, from, among, tileStart(named.tiles, tile), lifts);
        heap.u32(own.counts + 4 * row, 1)[0] = ranges;
      }
    },

    namedPages(plan) {
      const own = plan as WasmPlan;
      const named: boolean[] = [];
      for (let row = 0; row < plan.lists * tileCount(plan.tiles); row++) {
        const pairs = rangesOf(own, row);
        for (let i = 0; i < pairs.length; i += 2) {
          const last = Math.ceil(pairs[i + 1]! / PAGE);
          for (let page = Math.floor(pairs[i]! / PAGE); page < last; page++) named[page] = true;
        }
      }
      // `flatMap` skips holes.
      return named.flatMap((_, page) => [page]);
    },

    async readPlan(plan) {
      const own = plan as WasmPlan;
      return Array.from({ length: plan.lists * tileCount(plan.tiles) }, (_, row) => {
        const count = heap.u32(own.counts + row * 4, 1)[0]!;
        const pairs = heap.u32(own.ranges + row * own.capacity * 8, count * 2);
        return Array.from({ length: count }, (_, i): Range => [pairs[2 * i]!, pairs[2 * i + 1]!]);
      });
    },
  };
};
