import { MOST_REUSE, type Range, type Tiles, tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { createAmendsRows } from './amend-rows.js';
import { createExpectation } from './expectation.js';
import { createObserver } from './observer.js';
import type { Policy, Retention, RetentionParts } from './policy.js';
import { before, count, merged } from './ranges.js';

/** Holds what `policy` keeps of one context, as a plan that every other plan is cut to (`keepOnly`). */
export const createRetention = (policy: Policy, parts: RetentionParts): Retention => {
  const { backend, layers, keepPages } = parts;
  const { needs } = policy;
  const headsOf = (layer: number): number => layers[layer]!.shape.kvHeads;
  policy.check?.([...layers.keys()].map(headsOf));
  const kept = layers.map((_, layer) => backend.plan(`kept ${layer}`, headsOf(layer)));
  /** What predictors name before it is cut, by the lists they make. */
  const named = new Map<number, ReturnType<typeof backend.plan>>();
  const observer = createObserver(parts, needs);
  /** Whether rows are looked at before there is a choice. */
  const looks = needs.rows > 0 || needs.every > 0;
  const expectation = needs.expects && createExpectation(parts, needs.expects);
  const amends = needs.amends && createAmendsRows(parts, needs.amends(parts));
  /** Tokens that the last choice was made among; 0: there was none. */
  let chosenAt = 0;
  /** Where a prompt ends that is being read. */
  let end = 0;
  /** Of tokens before `chosenAt`, over layers and heads. */
  let keptTokens = 0;
  const lists = layers.reduce((sum, _, layer) => sum + headsOf(layer), 0);

  /** What is kept of a layer, head by head, from `at` on everything. */
  const put = (layer: number, at: number, rows: readonly (readonly Range[])[]): void => {
    const tiles: Tiles = { position: at, rows: 1, tileRows: 1 };
    backend.writePlan(
      kept[layer]!,
      tiles,
      rows.map((ranges) => merged([...before(ranges, at), [at, at + 1]])),
    );
  };
  const keepAll = (): void => {
    chosenAt = 0;
    amends?.clear();
    for (const layer of layers.keys()) {
      put(layer, 0, new Array<Range[]>(headsOf(layer)).fill([]));
      keepPages(layer, undefined);
    }
  };
  if (!policy.keepAt) keepAll();

  const keptAt = (layer: number, head: number, start: number, end: number): Range[] => {
    const where = { layer, layers: layers.length, kvHeads: headsOf(layer), head, start, end };
    return merged([...before(policy.keepAt!(where), end), [start, end]]);
  };
  /** What a row at `position` keeps, head by head, itself included. */
  const keptBefore = (layer: number, position: number): Range[][] =>
    Array.from({ length: headsOf(layer) }, (_, head) => keptAt(layer, head, position, position + 1));
  /** What tiles keep by their position; text that is not bound keeps everything. */
  const putAt = (layer: number, tiles: Tiles): void => {
    const tileNumbers = tileCount(tiles);
    const binds = needs.reading || tiles.tileRows <= MOST_REUSE;
    const rows = Array.from({ length: headsOf(layer) * tileNumbers }, (_, row): Range[] => {
      const tile = row % tileNumbers;
      const [start, end] = [tileStart(tiles, tile), tileEnd(tiles, tile)];
      return binds ? keptAt(layer, Math.floor(row / tileNumbers), start, end) : [[0, end]];
    });
    backend.writePlan(kept[layer]!, tiles, rows);
  };

  const choose = async (tokens: number): Promise<void> => {
    const scores = await expectation?.read(tokens);
    const observed = { ...(await observer.observed(tokens)), ...(scores && { scores }) };
    const rows = policy.keep!(observed);
    await amends?.chosen(rows, observed);
    chosenAt = tokens;
    keptTokens = 0;
    for (const [layer, heads] of rows.entries()) {
      put(layer, tokens, heads);
      keepPages(layer, merged([...heads.flat(), [tokens, tokens + 1]]));
      keptTokens += heads.reduce((sum, ranges) => sum + count(ranges), 0);
    }
    observer.drop(rows, tokens);
  };

  return {
    over(predictor, layer) {
      const own = predictor.needs.lists === 'kv-head' ? headsOf(layer) : 1;
      if (!named.has(own)) named.set(own, backend.plan('named', own));
      return {
        ...predictor,
        needs: { ...predictor.needs, lists: 'kv-head' },
        plan(b, input, out) {
          predictor.plan(b, input, named.get(own)!);
          if (policy.keepAt) putAt(layer, input.tiles);
          b.keepOnly(out, named.get(own)!, kept[layer]!);
        },
      };
    },
    async begin(position, total, answering) {
      if (policy.keepAt) {
        const binds = needs.reading || answering;
        for (const layer of layers.keys())
          keepPages(layer, binds ? merged(keptBefore(layer, position).flat()) : undefined);
        chosenAt = binds ? position : 0;
        return;
      }
      expectation?.forget(position);
      if (position < chosenAt || (!answering && chosenAt > 0)) keepAll();
      if (!answering && total !== end) observer.clear();
      end = answering ? 0 : total;
      const due = chosenAt === 0 || (needs.every > 0 && position - chosenAt >= needs.every);
      if (answering && due && (!looks || observer.isThere(position))) await choose(position);
      const first = answering ? (needs.every > 0 ? position : total) : total - needs.rows;
      observer.begin(Math.max(position, first), position);
    },
    observes: ({ position, rows }) => !policy.keepAt && observer.from < position + rows,
    observe: (layer, q, plan) => observer.observe(layer, q, plan),
    amendment: (layer, rows) => amends?.amendment(layer, rows),
    kept(total) {
      if (chosenAt === 0 || lists === 0) return total;
      if (!policy.keepAt) return keptTokens / lists + total - chosenAt;
      const all = [...layers.keys()].flatMap((layer) => keptBefore(layer, total));
      return all.reduce((sum, ranges) => sum + count(ranges) - 1, 0) / lists;
    },
    release() {
      for (const plan of [...kept, ...named.values()]) backend.free(plan);
      observer.release();
      amends?.release();
    },
  };
};
