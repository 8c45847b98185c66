import { type KvLayer, PAGE } from '../backends/backend.js';
import type { Archive } from './archive.js';
import { LostRun } from './lost-run.js';
import type { KvRecord } from './records.js';
import type { StoredRun } from './stored-run.js';

/** Where pages rest that have no memory. */
export type Rest = Pick<Archive, 'groups' | 'fetch' | 'drained'>;

/** How often plans found their pages in memory. */
export interface Paging {
  /** Pages that plans named in layers with cold pages, and those of them that were not in memory. */
  touched: number;
  missed: number;
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
  /** Bytes that may be on their way at once. One record always may. */
  readonly inFlight: number;
}

interface Want {
  readonly run: StoredRun;
  readonly group: number;
  readonly bytes: number;
}

/** Fetches cold pages, record by record, in few reads. Throws `LostRun` where a record is not as it should be. */
export const createFetch = (options: FetchOptions, paging: Paging, cold: ColdPages) => {
  const { layers, rest, pagesOfRun, inFlight } = options;
  const groups = rest?.groups ?? [];
  const bytesOf = groups.map(({ from, to, pages }) =>
    layers.slice(from, to).reduce((sum, kv) => sum + (pages.to - pages.from) * kv.pageBytes, 0),
  );
  /** By layer and place in the run: the group that holds that page. */
  const holding = layers.map((_, layer) =>
    Array.from({ length: pagesOfRun }, (_, place) =>
      groups.findIndex(
        ({ from, to, pages }) => layer >= from && layer < to && place >= pages.from && place < pages.to,
      ),
    ),
  );

  const wantsOf = (pages: Pages): Want[] => {
    const wants = new Map<string, Want>();
    for (const [layer, some] of pages) {
      for (const page of some) {
        const run = cold.runOf(page);
        const group = run ? holding[layer]![page - run.firstPage]! : -1;
        if (!run || group < 0) throw new LostRun(Math.floor(page / pagesOfRun) * pagesOfRun * PAGE);
        wants.set(`${group} ${run.firstPage}`, { run, group, bytes: bytesOf[group]! });
      }
    }
    return [...wants.values()];
  };

  const write = ({ layers: { from }, firstPage, pages }: KvRecord, wanted: Pages): void => {
    pages.forEach((own, n) => {
      const [layer, kv] = [from + n, layers[from + n]!];
      own.forEach((bytes, i) => {
        const page = firstPage + i;
        if (page >= kv.pages || !kv.isCold(page)) return;
        if (wanted.get(layer)?.has(page) || cold.takes(layer)) cold.write(layer, page, bytes);
      });
    });
  };

  /** There is room for these pages. */
  return async (pages: Pages): Promise<void> => {
    const queue = wantsOf(pages);
    while (queue.length > 0) {
      const some = [queue.shift()!];
      let bytes = some[0]!.bytes;
      while (queue[0] && bytes + queue[0].bytes <= inFlight) {
        bytes += queue[0].bytes;
        some.push(queue.shift()!);
      }
      const records = await rest!.fetch(some);
      paging.records += some.length;
      paging.bytes += bytes;
      for (const record of records) if (record) write(record, pages);
      const lost = some.find((_, n) => !records[n]);
      if (!lost) continue;
      cold.distrust(lost.run);
      throw new LostRun(lost.run.firstPage * PAGE);
    }
  };
};
