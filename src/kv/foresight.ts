import type { Store } from '../stores/store.js';
import type { LayerGroup } from './records.js';
import type { StoredRun } from './stored-run.js';

/** A record that a call asks for. */
interface Asked {
  readonly run: StoredRun;
  /** Index in `groups`. */
  readonly group: number;
}

export interface ForesightOptions {
  readonly store: Store;
  /** What each record of a run holds, in the order of layers. */
  readonly groups: readonly LayerGroup[];
  /** Bytes of a record of a whole run, by group. */
  readonly bytes: readonly number[];
  /** Bytes that may be on their way before they are asked for. */
  room(): number;
}

/** Share of what two layers ask for together that must be the same for the next one to be read ahead. */
const ALIKE = 1 / 2;

type Value = Uint8Array | undefined;

/**
 * Reads records before they are asked for. What a layer reads of a text the next one mostly reads too: while its pages are
 * attended, those of the same tokens one layer on are on their way. Only where the last two layers were alike, so that
 * little is read that no plan names.
 */
export const createForesight = ({ store, groups, bytes, room }: ForesightOptions) => {
  /** By group: the one that holds the same pages one layer, or group of layers, on. */
  const following = groups.map(({ from, to }, group) => {
    const place = group - groups.findIndex((other) => other.from === from);
    const next = groups.findIndex((other) => other.from === to);
    return next < 0 ? undefined : next + place;
  });
  /** First layer of what is being asked for now. */
  let layer = -1;
  /** Keys of it that are like what the layer before asked for; how many of them came true, and how many were asked. */
  let foretold = new Set<string>();
  let came = 0;
  let asked = 0;
  /** Whether the layer before was alike the one before it. */
  let wereAlike = false;
  /** Keys of the next layer that are like what is asked for now. */
  let next = new Set<string>();
  const ahead = new Map<string, { readonly bytes: number; readonly value: Promise<Value> }>();

  const areAlike = (): boolean => {
    const all = asked + foretold.size - came;
    // Where a layer asks for its records in several parts, the first ones are few of what was foretold.
    return came > 0 && (came >= ALIKE * all || (wereAlike && came >= ALIKE * asked));
  };

  const turnTo = (from: number): void => {
    if (from === layer) return;
    wereAlike = areAlike();
    foretold = from > layer ? next : new Set();
    for (const key of ahead.keys()) if (!foretold.has(key)) ahead.delete(key);
    layer = from;
    came = asked = 0;
    next = new Set();
  };

  const readAhead = (wants: readonly Asked[]): void => {
    let free = room();
    for (const one of ahead.values()) free -= one.bytes;
    const some: [key: string, bytes: number][] = [];
    for (const { run, group } of wants) {
      const size = bytes[following[group]!]!;
      if (size > free) break;
      free -= size;
      some.push([run.keys[following[group]!]!, size]);
    }
    if (some.length === 0) return;
    const read = store.getMany(some.map(([key]) => key));
    for (const [n, [key, size]] of some.entries()) {
      // What cannot be read ahead is asked for again by whoever needs it.
      const value = read.then((values) => values[n]).catch(() => store.get(key));
      value.catch(() => undefined);
      ahead.set(key, { bytes: size, value });
    }
  };

  /** As `store.getMany` of the records' keys. */
  return async (wants: readonly Asked[]): Promise<Value[]> => {
    const keys = wants.map(({ run, group }) => run.keys[group]!);
    const layers = new Set(wants.map(({ group }) => groups[group]!.from));
    // Whoever asks for all layers at once foretells nothing.
    if (layers.size !== 1) return store.getMany(keys);
    turnTo([...layers][0]!);
    asked += keys.length;
    came += keys.filter((key) => foretold.has(key)).length;
    const cold = keys.filter((key) => !ahead.has(key));
    const places = new Map(cold.map((key, n) => [key, n]));
    const read = cold.length > 0 ? store.getMany(cold) : Promise.resolve([]);
    const values = keys.map((key) => {
      const early = ahead.get(key);
      ahead.delete(key);
      return early ? early.value : read.then((some) => some[places.get(key)!]);
    });
    const more = wants.filter(({ group }) => following[group] !== undefined);
    if (areAlike()) readAhead(more);
    for (const { run, group } of more) next.add(run.keys[following[group]!]!);
    return Promise.all(values);
  };
};
