import { type Plan, type Range, type Tensor, type Tiles, tileCount, tileEnd } from '../backends/backend.js';
import { createValueNorms } from '../kv/value-norms.js';
import type { Observed, PolicyNeeds, RetentionParts } from './policy.js';
import { before, merged } from './ranges.js';

/** Attention probabilities that are read back at once. */
const AT_ONCE = 2 ** 21;
/** Scores have room for so many tokens more whenever they grow. */
const ROOM = 1024;

/** Adds up what rows attend to. */
export interface Observer {
  /** The first row that is observed. */
  readonly from: number;
  /** Rows from `from` on are to be observed in a call that begins at `position`. */
  begin(from: number, position: number): void;
  observe(layer: number, q: Tensor, plan: Plan): Promise<void>;
  /** Whether the rows right before `position` were observed. */
  isThere(position: number): boolean;
  observed(tokens: number): Promise<Observed>;
  /** Tokens that `kept` does not name are never kept again. */
  drop(kept: readonly (readonly (readonly Range[])[])[], tokens: number): void;
  clear(): void;
  release(): void;
}

/** The part of a plan that rows [from, to) read, row by row of its lists and tiles. */
const cut = (rows: readonly (readonly Range[])[], lists: number, tiles: Tiles, part: Tiles): Range[][] => {
  const [all, own] = [tileCount(tiles), tileCount(part)];
  const skipped = Math.floor(part.position / tiles.tileRows) - Math.floor(tiles.position / tiles.tileRows);
  return Array.from({ length: lists * own }, (_, row) =>
    // Ranges may touch where their lifts differ, which are not observed.
    merged(before(rows[Math.floor(row / own) * all + skipped + (row % own)]!, tileEnd(part, row % own))),
  );
};

export const createObserver = (parts: RetentionParts, needs: PolicyNeeds): Observer => {
  const { backend, layers, heads, scale } = parts;
  const scores = layers.map(({ shape }): Float32Array[] =>
    Array.from({ length: shape.kvHeads }, () => new Float32Array(0)),
  );
  const norms = needs.values ? layers.map((kv) => createValueNorms(backend, kv)) : undefined;
  const plans = new Map<number, Plan>();
  let out: Tensor | undefined;
  let from = Number.POSITIVE_INFINITY;
  /** By layer: behind the last row that was observed. */
  const seen = layers.map(() => -1);

  const roomFor = (rows: number, cols: number): Tensor => {
    if (!out || out.rows < rows || out.cols < cols) {
      if (out) backend.free(out);
      const width = Math.ceil(cols / ROOM) * ROOM;
      out = backend.tensor('observed', Math.max(rows, out?.rows ?? 0), Math.max(width, out?.cols ?? 0));
    }
    return backend.view(out, rows, out.cols);
  };
  const grown = (values: Float32Array, tokens: number): Float32Array => {
    if (values.length >= tokens) return values;
    const larger = new Float32Array(Math.ceil(tokens / ROOM) * ROOM);
    larger.set(values);
    return larger;
  };
  const clear = (): void => {
    for (const own of scores) for (const values of own) values.fill(0);
    seen.fill(-1);
  };

  return {
    get from() {
      return from;
    },
    begin(first, position) {
      for (const own of norms ?? []) own.forget(position);
      // Rows that are read again were added up already.
      if (seen.some((row) => row > position)) clear();
      from = first;
    },
    async observe(layer, q, plan) {
      const { tiles, lists } = plan;
      const [first, end] = [Math.max(from, tiles.position), tiles.position + tiles.rows];
      const rows = await backend.readPlan(plan);
      if (!plans.has(lists)) plans.set(lists, backend.plan('observed', lists));
      const part = plans.get(lists)!;
      const { kvHeads } = layers[layer]!.shape;
      const own = scores[layer]!;
      for (const [head, values] of own.entries()) own[head] = grown(values, end);
      const most = Math.max(1, Math.floor(AT_ONCE / (heads * (end + ROOM))));
      for (let position = first; position < end; position += most) {
        const some: Tiles = { position, rows: Math.min(most, end - position), tileRows: tiles.tileRows };
        backend.writePlan(part, some, cut(rows, lists, tiles, some));
        const view = backend.view(q, some.rows, q.cols, (position - tiles.position) * q.cols);
        const found = roomFor(some.rows * heads, end);
        backend.observe(found, view, layers[layer]!, part, scale);
        const probabilities = await backend.read(found);
        for (let row = 0; row < some.rows; row++) {
          for (const values of own) {
            if (needs.decay === 1) break;
            // What was dropped stays so.
            for (let t = 0; t < end; t++) if (values[t]! > 0) values[t]! *= needs.decay;
          }
          for (let head = 0; head < heads; head++) {
            const at = (row * heads + head) * found.cols;
            const values = own[Math.floor((head * kvHeads) / heads)]!;
            for (let t = 0; t <= position + row; t++) values[t]! += probabilities[at + t]!;
          }
        }
      }
      seen[layer] = end;
    },
    isThere: (position) => layers.length > 0 && seen.every((row) => row === position),
    async observed(tokens) {
      const values: (readonly Float32Array[])[] = [];
      for (const own of norms ?? []) values.push(await own.read(tokens));
      return {
        tokens,
        scores: scores.map((own) => own.map((ofHead) => ofHead.subarray(0, tokens))),
        ...(norms && { values }),
      };
    },
    drop(kept, tokens) {
      for (const [layer, own] of kept.entries()) {
        for (const [head, ranges] of own.entries()) {
          const values = scores[layer]![head]!;
          let at = 0;
          for (const [start, end] of [...ranges, [tokens, tokens] as const]) {
            values.fill(Number.NEGATIVE_INFINITY, at, start);
            at = end;
          }
        }
      }
    },
    clear,
    release() {
      if (out) backend.free(out);
      for (const plan of plans.values()) backend.free(plan);
    },
  };
};
