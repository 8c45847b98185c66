import type { RecordWanted as Asked, Read } from './read-records.js';
import type { LayerGroup } from './records.js';

export interface ForesightOptions {
  /** Rejects as the store does. */
  read(wants: readonly Asked[]): Promise<Read[]>;
  /** What was read is of no use. */
  release(read: Read): void;
  /** What each record of a run holds, in the order of layers. */
  readonly groups: readonly LayerGroup[];
  /** Bytes of a record of a whole run, by group. */
  readonly bytes: readonly number[];
  /** Bytes that may be on their way before they are asked for. */
  room(): number;
}

/** Share of what two layers ask for together that must be the same for the next ones to be read ahead. */
const ALIKE = 1 / 2;
/** Share of the room that one read ahead fills, if it is of several layers: while one is used the next is under way. */
const PART = 1 / 2;

/** A record that was asked for before anybody needed it. */
interface Early {
  /** First layer in it. */
  readonly from: number;
  readonly bytes: number;
  readonly value: Promise<Read>;
}

/**
 * Reads records before they are asked for. What a layer reads of a text the next ones mostly read too: while its pages are
 * attended, those of the same tokens some layers on are on their way. Only where the last two layers were alike, at first of
 * one layer and then of twice as many each time, so that little is read that no plan names. What layers of a run rest side
 * by side: asked for together they are a few large reads.
 */
export const createForesight = ({ read, release, groups, bytes, room }: ForesightOptions) => {
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
  /** Records of the layer that is being asked for now, by place: what layers in a row that were alike asked for of them. */
  let likely = new Map<string, Asked>();
  /** Layers that the next read ahead may be of. */
  let depth = 1;
  const ahead = new Map<string, Early>();

  const areAlike = (): boolean => {
    const all = asked + foretold.size - came;
    // Where a layer asks for its records in several parts, the first ones are few of what was foretold.
    return came > 0 && (came >= ALIKE * all || (wereAlike && came >= ALIKE * asked));
  };

  /** Where the next layer has what this one asked for. */
  const onward = (some: Iterable<Asked>): Asked[] =>
    [...some].flatMap(({ run, group }) => {
      const after = following[group];
      return after === undefined ? [] : [{ run, group: after }];
    });
  const keyOf = ({ run, group }: Asked): string => run.keys[group]!;
  const byKey = (some: readonly Asked[]): Map<string, Asked> => new Map(some.map((one) => [keyOf(one), one]));

  const turnTo = (from: number): void => {
    if (from === layer) return;
    const goesOn = from > layer;
    wereAlike = areAlike();
    const goesOnAlike = goesOn && wereAlike;
    if (!goesOnAlike) depth = 1;
    likely = goesOnAlike ? byKey(onward(likely.values())) : new Map();
    foretold = goesOn ? next : new Set();
    for (const [key, early] of ahead) {
      const mayCome = early.from === from ? goesOn : goesOnAlike && early.from > from;
      if (mayCome) continue;
      ahead.delete(key);
      early.value.then(release, () => undefined);
    }
    layer = from;
    came = asked = 0;
    next = new Set();
  };

  /** What the next layers will ask for if they are like those before, as far as there is room. */
  const foresee = (): Asked[] => {
    const all = room();
    let free = all;
    let last = layer;
    for (const early of ahead.values()) {
      free -= early.bytes;
      last = Math.max(last, early.from);
    }
    // The one before it is still enough.
    if (last > layer && free < all * PART) return [];
    const found: Asked[] = [];
    let taken = 0;
    let some = onward(likely.values());
    for (let on = 0; on < depth && some.length > 0; some = onward(some)) {
      if (groups[some[0]!.group]!.from <= last) continue;
      const sum = some.reduce((total, { group }) => total + bytes[group]!, 0);
      if (on > 0 && taken + sum > all * PART) break;
      for (const one of some) {
        if (bytes[one.group]! > free) return found;
        free -= bytes[one.group]!;
        found.push(one);
      }
      taken += sum;
      on += 1;
    }
    return found;
  };

  const readAhead = (): void => {
    const some = foresee();
    if (some.length === 0) return;
    depth *= 2;
    // Neighbours side by side, as they rest.
    some.sort((a, b) => a.run.firstPage - b.run.firstPage || a.group - b.group);
    const all = read(some);
    for (const [n, one] of some.entries()) {
      // What cannot be read ahead is asked for again by whoever needs it.
      const value = all.then((values) => values[n]).catch(async () => (await read([one]))[0]);
      value.catch(() => undefined);
      ahead.set(keyOf(one), { from: groups[one.group]!.from, bytes: bytes[one.group]!, value });
    }
  };

  return async (wants: readonly Asked[]): Promise<Read[]> => {
    const keys = wants.map(keyOf);
    const layers = new Set(wants.map(({ group }) => groups[group]!.from));
    // Whoever asks for all layers at once foretells nothing.
    if (layers.size !== 1) return read(wants);
    turnTo([...layers][0]!);
    asked += keys.length;
    came += keys.filter((key) => foretold.has(key)).length;
    const cold = wants.filter((one) => !ahead.has(keyOf(one)));
    const places = new Map(cold.map((one, n) => [keyOf(one), n]));
    const now = cold.length > 0 ? read(cold) : Promise.resolve([]);
    const values = keys.map((key) => {
      const early = ahead.get(key);
      ahead.delete(key);
      return early ? early.value : now.then((some) => some[places.get(key)!]);
    });
    for (const one of wants) likely.set(keyOf(one), one);
    if (areAlike()) readAhead();
    for (const one of onward(wants)) next.add(keyOf(one));
    return Promise.all(values).catch((error) => {
      for (const value of values) value.then(release, () => undefined);
      throw error;
    });
  };
};
