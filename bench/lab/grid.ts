/** What a pair of query and key costs under every mask: mask × length × density × heads on the CPU's kernel, one thread. */
import { type Backend, PAGE, type Range } from '../../src/backends/backend.js';
import { createWasmBackend } from '../../src/backends/wasm/backend.js';
import { area, liftsOf, type Mask, masks, unsupported } from './masks.js';

export interface Heads {
  readonly kvHeads: number;
  readonly group: number;
  readonly dim: number;
}

/** One cell of the grid. */
export interface GridCell extends Heads {
  readonly family: string;
  readonly tokens: number;
  /** Asked for, and read: shares of the causal triangle. */
  readonly density: number;
  readonly realised: number;
  /** 10⁹ floating-point operations a second on pairs that the mask reads: 4 · dim for each query head. */
  readonly gflops: number;
  /** The same of the causal mask, measured in turns with this one. */
  readonly causal: number;
  /** Bytes of the plan of the whole text: eight for each range, four more for its lift. */
  readonly planBytes: number;
}

export const HEADS: readonly Heads[] = [
  { kvHeads: 2, group: 2, dim: 64 },
  { kvHeads: 3, group: 3, dim: 64 },
  { kvHeads: 2, group: 4, dim: 128 },
];

/** Tiles that are measured, spread over the text, and turns of which the fastest counts. */
const TILES = 12;
const TURNS = 5;

const filled = (count: number, draw: () => number): Float32Array =>
  Float32Array.from({ length: count }, draw);

/** Attention of some tiles of the text under a mask: seconds by turn, and the pairs it says it read. */
const prepare = (backend: Backend, heads: Heads, mask: Mask, starts: readonly number[]) => {
  const { kvHeads } = heads;
  const plans = starts.map((position) => {
    const plan = backend.plan('plan', kvHeads);
    const rows: (readonly Range[])[] = Array.from({ length: kvHeads }, (_, list) =>
      mask.ranges(position, position + PAGE, list),
    );
    backend.writePlan(plan, { position, rows: PAGE, tileRows: PAGE }, rows, liftsOf(mask, rows));
    return plan;
  });
  const free = (): void => {
    for (const plan of plans) backend.free(plan);
  };
  return { plans, free };
};

/** The cells of one length and shape of heads, for each density. */
export const measureGrid = async (
  tokens: number,
  heads: Heads,
  densities: readonly number[],
): Promise<GridCell[]> => {
  const { kvHeads, group, dim } = heads;
  const backend = await createWasmBackend({ build: 'simd128', threads: 1 });
  const kv = backend.kvLayer('kv', { kvHeads, keyDim: dim, valueDim: dim, keys: 'q8', values: 'q8' });
  backend.mapPages(kv, tokens / PAGE);
  let state = 1;
  const draw = (): number => 3 * ((state = (state * 16807) % 2147483647) / 2147483647 - 0.5);
  const page = backend.tensor('k', PAGE, kvHeads * dim);
  for (let position = 0; position < tokens; position += PAGE) {
    backend.upload(page, filled(PAGE * kvHeads * dim, draw));
    backend.appendKv(kv, page, page, position);
  }
  const [q, out] = ['q', 'out'].map((label) => backend.tensor(label, PAGE, kvHeads * group * dim));
  backend.upload(q!, filled(PAGE * kvHeads * group * dim, draw));
  const starts = Array.from({ length: TILES }, (_, i) => {
    const share = (i + 0.5) / TILES;
    return PAGE * Math.floor((share * tokens) / PAGE);
  });
  const scale = 1 / Math.sqrt(dim);
  const everything = masks(tokens, 1)[0]!;
  const causal = prepare(backend, heads, everything, starts);
  const seconds = (plans: typeof causal.plans, window?: number): number => {
    const start = performance.now();
    for (const plan of plans) backend.attend(out!, q!, kv, plan, { scale, ...(window && { window }) });
    return (performance.now() - start) / 1000;
  };
  const pairsOf = (mask: Mask, list: number): number =>
    starts.reduce((sum, start) => sum + area(mask, start, start + PAGE, list), 0);
  const whole = (tokens * (tokens + 1)) / 2;
  const cells: GridCell[] = [];
  for (const density of densities) {
    for (const mask of masks(tokens, density)) {
      if (mask.family === 'causal' && density !== densities[0]) continue;
      const { plans, free } = prepare(backend, heads, mask, starts);
      const best = { causal: Infinity, mask: Infinity };
      for (let turn = 0; turn < TURNS; turn++) {
        best.causal = Math.min(best.causal, seconds(causal.plans));
        best.mask = Math.min(best.mask, seconds(plans, mask.window));
      }
      free();
      const flops = (pairs: number): number => (4 * dim * group * pairs) / 1e9;
      const lists = Array.from({ length: kvHeads }, (_, list) => list);
      const pairs = lists.reduce((sum, list) => sum + pairsOf(mask, list), 0);
      const ranges = lists.reduce((sum, list) => {
        for (let at = 0; at < tokens; at += PAGE) sum += mask.ranges(at, at + PAGE, list).length;
        return sum;
      }, 0);
      cells.push({
        ...{ ...heads, family: mask.family, tokens, density: mask.family === 'causal' ? 1 : density },
        realised: lists.reduce((sum, list) => sum + area(mask, 0, tokens, list), 0) / (kvHeads * whole),
        gflops: flops(pairs) / best.mask,
        causal: flops(kvHeads * pairsOf(everything, 0)) / best.causal,
        planBytes: (mask.isLifted ? 12 : 8) * ranges,
      });
    }
  }
  backend.close();
  return cells;
};

/** A row for each family and density, a column for each length and shape of heads: speed on pairs read, to causal. */
export const gridTable = (cells: readonly GridCell[]): string => {
  const name = ({ tokens, kvHeads, group, dim }: GridCell): string =>
    `${tokens.toLocaleString('en')}, ${kvHeads}×${group}×${dim}`;
  const columns = [...new Set(cells.map(name))];
  const rows = [...new Set(cells.map((cell) => `${cell.family}|${cell.density}`))];
  const lines = rows.map((key) => {
    const [family, density] = key.split('|') as [string, string];
    const mine = cells.filter((cell) => cell.family === family && cell.density === Number(density));
    const each = columns.map((column) => {
      const cell = mine.find((one) => name(one) === column);
      if (!cell) return '';
      const speed = cell.gflops.toFixed(1);
      return family === 'causal' ? speed : `${speed} (${(cell.gflops / cell.causal).toFixed(2)}×)`;
    });
    const realised = mine.map((cell) => 100 * cell.realised);
    const read = `${Math.min(...realised).toFixed(1)} to ${Math.max(...realised).toFixed(1)}`;
    return `| ${family} | ${family === 'causal' ? '100' : read} | ${each.join(' | ')} |`;
  });
  return [
    `| mask | read % | ${columns.join(' | ')} |`,
    `|---|---|${columns.map(() => '---:|').join('')}`,
    ...lines,
    ...unsupported.map(
      ([family, why]) => `| ${family} | unsupported: ${why} |${columns.map(() => ' |').join('')}`,
    ),
  ].join('\n');
};
