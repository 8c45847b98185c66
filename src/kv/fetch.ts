import { type KvLayer, PAGE } from '../backends/backend.js';
import type { Archive } from './archive.js';
import { LostRun } from './lost-run.js';
import { type KvRecord, pagesOf } from './records.js';
import type { StoredRun } from './stored-run.js';

/** Where pages rest that have no memory. */
export type Rest = Pick<Archive, 'groups' | 'fetch' | 'release' | 'drained'>;

/** How often plans found their pages in memory. */
export interface Paging {
  /** Pages that plans named in layers with cold pages, and those of them that were not in memory. */
  touched: number;
  missed: number;
  /** Those of the missed that had been asked for before a plan named them. */
  ahead: number;
  /** Records fetched, and bytes of pages in them. */
  records: number;
  bytes: number;
}

/** Pages, by layer. */
export type Pages = ReadonlyMap<number, ReadonlySet<number>>;

/** What a context knows of its cold pages. */
export interface ColdPages {
  /** The run that a page rests in. */
  runOf(page: number): StoredRun | undefined;
  /** The store lost this run. */
  distrust(run: StoredRun): void;
  /** Whether a layer takes pages that nobody asked for. */
  takes(layer: number): boolean;
  write(layer: number, page: number, bytes: Uint8Array): void;
}

export interface FetchOptions {
  readonly layers: readonly KvLayer[];
  readonly rest: Rest | undefined;
  readonly pagesOfRun: number;
  /** Bytes that may be on their way at once: half of them waited for, where one record always may, half read ahead. */
  readonly inFlight: number;
}

interface Want {
  readonly run: StoredRun;
  readonly group: number;
  readonly bytes: number;
}

/** A record that was asked for before anybody named its pages. */
interface Coming extends Want {
  readonly layer: number;
  readonly record: Promise<KvRecord | undefined>;
  /** Whether somebody waits for it by now, who lets go of it. */
  awaited: boolean;
}

export interface Fetch {
  /** Pages for which there is room, record by record, in few reads. Throws `LostRun` where a record is not as it should be. */
  now(pages: Pages): Promise<void>;
  /** Begin to read pages of a layer. What fails will fail again when it is needed. Whether there was room on the way for all. */
  ahead(layer: number, pages: readonly number[]): boolean;
  /** Nobody needs what was read ahead for this layer, or for any. */
  drop(layer?: number): void;
}

/** Fetches cold pages. */
export const createFetch = (options: FetchOptions, paging: Paging, cold: ColdPages): Fetch => {
  const { layers, rest, pagesOfRun, inFlight } = options;
  const groups = rest?.groups ?? [];
  const bytesOf = groups.map((group) => {
    const { from, to } = pagesOf(group, pagesOfRun);
    return layers.slice(group.from, group.to).reduce((sum, kv) => sum + (to - from) * kv.pageBytes, 0);
  });
  /** By layer and place in the run: the group that holds that page. */
  const holding = layers.map((_, layer) =>
    Array.from({ length: pagesOfRun }, (_, place) =>
      groups.findIndex(
        ({ from, to, pages }) => layer >= from && layer < to && place >= pages.from && place < pages.to,
      ),
    ),
  );
  const coming = new Map<string, Coming>();
  /** What is waited for may take as much as what is read ahead. */
  const half = inFlight / 2;
  /** Bytes that were asked for ahead and are still held. */
  let held = 0;

  const nameOf = ({ run, group }: Want): string => `${group} ${run.firstPage}`;

  const wantsOf = (pages: Pages): Want[] => {
    const wants = new Map<string, Want>();
    for (const [layer, some] of pages) {
      for (const page of some) {
        const run = cold.runOf(page);
        const group = run ? holding[layer]![page - run.firstPage]! : -1;
        if (!run || group < 0) throw new LostRun(Math.floor(page / pagesOfRun) * pagesOfRun * PAGE);
        const want = { run, group, bytes: bytesOf[group]! };
        wants.set(nameOf(want), want);
      }
    }
    return [...wants.values()];
  };

  const write = ({ layers: { from }, firstPage, pages }: KvRecord, wanted: Pages): number => {
    let written = 0;
    pages.forEach((own, n) => {
      const [layer, kv] = [from + n, layers[from + n]!];
      own.forEach((bytes, i) => {
        const page = firstPage + i;
        if (page >= kv.pages || !kv.isCold(page)) return;
        const asked = wanted.get(layer)?.has(page) ?? false;
        if (asked || cold.takes(layer)) cold.write(layer, page, bytes);
        if (asked) written++;
      });
    });
    return written;
  };

  const read = async (some: readonly Want[]): Promise<(KvRecord | undefined)[]> => {
    paging.records += some.length;
    paging.bytes += some.reduce((sum, { bytes }) => sum + bytes, 0);
    return rest!.fetch(some);
  };

  /** It is of no use any more once it has come, or is a layer's by then; its bytes count until it has. */
  const letGo = (known: Coming): void => {
    coming.delete(nameOf(known));
    known.record.then((found) => {
      held -= known.bytes;
      if (found) rest!.release(found);
    });
  };

  return {
    async now(pages) {
      const queue: Want[] = [];
      const here: Coming[] = [];
      for (const want of wantsOf(pages)) {
        const known = coming.get(nameOf(want));
        if (known?.run === want.run) {
          known.awaited = true;
          here.push(known);
        } else queue.push(want);
      }
      while (queue.length > 0 || here.length > 0) {
        const some: Want[] = [];
        let bytes = 0;
        while (queue[0] && (some.length === 0 || bytes + queue[0].bytes <= half)) {
          bytes += queue[0].bytes;
          some.push(queue.shift()!);
        }
        const reading = some.length > 0 ? read(some) : Promise.resolve([]);
        // It is awaited behind those that come first.
        reading.catch(() => undefined);
        let records: (KvRecord | undefined)[];
        try {
          for (; here[0]; letGo(here.shift()!)) {
            const record = await here[0].record;
            if (record) paging.ahead += write(record, pages);
            else queue.push(here[0]);
          }
          records = await reading;
          for (const record of records) if (record) write(record, pages);
        } finally {
          for (const known of here.splice(0)) letGo(known);
          const release = (all: readonly (KvRecord | undefined)[]): void => {
            for (const record of all) if (record) rest!.release(record);
          };
          reading.then(release, () => undefined);
        }
        const lost = some.find((_, n) => !records[n]);
        if (!lost) continue;
        cold.distrust(lost.run);
        throw new LostRun(lost.run.firstPage * PAGE);
      }
    },

    ahead(layer, pages) {
      const wants = wantsOf(new Map([[layer, new Set(pages)]])).filter((want) => !coming.has(nameOf(want)));
      const some: Want[] = [];
      for (const want of wants) {
        if (held + want.bytes > half) break;
        held += want.bytes;
        some.push(want);
      }
      if (some.length > 0) {
        const records = read(some).catch((): undefined[] => []);
        some.forEach((want, n) => {
          coming.set(nameOf(want), { ...want, layer, record: records.then((all) => all[n]), awaited: false });
        });
      }
      return some.length === wants.length;
    },

    drop(layer) {
      for (const known of coming.values()) {
        if (!known.awaited && (layer === undefined || known.layer === layer)) letGo(known);
      }
    },
  };
};
