import { type Backend, PAGE, type Range, type Tensor, type Tiles } from '../backend.js';
import { madeUpTensor, madeUpWeight } from './made-up.js';
import type { Sample } from './sample.js';

/** Outputs of a product: no multiple of what kernels compute at once. */
const OUTPUTS = 83;
const INPUTS = 256;
/** The rows that ask, behind two pages and on into a third. */
const TILES: Tiles = { position: 2 * PAGE, rows: 5, tileRows: PAGE };
const TOKENS = TILES.position + TILES.rows;

/** What a device makes of a part of the sample. */
type Made =
  | { readonly of: 'products'; readonly with: string; readonly found: Float32Array }
  | { readonly of: 'page'; readonly found: Uint8Array }
  | { readonly of: 'attention'; readonly found: Float32Array }
  /** By list: the tokens that are to be read. */
  | { readonly of: 'choice'; readonly found: readonly ReadonlySet<number>[] };

const tokensOf = (ranges: readonly Range[]): Set<number> =>
  new Set(ranges.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i)));

async function* runSample(b: Backend, sample: Sample): AsyncGenerator<Made, void, void> {
  const { types, kv: shape, heads, chooses } = sample;
  const { kvHeads, keyDim, valueDim } = shape;
  const owned: Parameters<Backend['free']>[0][] = [];
  const own = <T extends (typeof owned)[number]>(thing: T): T => {
    owned.push(thing);
    return thing;
  };
  const tensor = (rows: number, cols: number, seed: number): Tensor => own(madeUpTensor(b, rows, cols, seed));
  try {
    const x = tensor(5, INPUTS, 1);
    const [many, one] = [own(b.tensor('sample', 5, OUTPUTS)), own(b.tensor('sample', 1, OUTPUTS))];
    for (const type of types) {
      const weight = own(madeUpWeight(b, type, OUTPUTS, INPUTS));
      b.matmul(many, x, weight);
      b.matmul(one, b.view(x, 1, INPUTS, INPUTS), weight);
      for (const found of [await b.read(many), await b.read(one)])
        yield { of: 'products', with: type, found };
    }

    const [kv, plan] = [own(b.kvLayer('sample', shape)), own(b.plan('sample', kvHeads))];
    b.mapPages(kv, Math.ceil(TOKENS / PAGE));
    b.appendKv(kv, tensor(TOKENS, kvHeads * keyDim, 3), tensor(TOKENS, kvHeads * valueDim, 4), 0);
    for (const page of [0, 1]) yield { of: 'page', found: await b.readPage(kv, page) };

    const q = tensor(TILES.rows, heads * keyDim, 2);
    const scale = 1 / Math.sqrt(keyDim);
    const out = own(b.tensor('sample', TILES.rows, heads * valueDim));
    b.select(plan, TILES, { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 });
    b.attend(out, q, kv, plan, { scale });
    yield { of: 'attention', found: await b.read(out) };

    const keep = { budget: 64, sinks: 4, local: 4 };
    if (chooses) {
      const boundaries = { source: 'fixed', size: 16 } as const;
      const chunks = { boundaries, layers: 1, kvHeads, keyDim, means: true, sketches: false };
      const [index, scores] = [own(b.chunkIndex('sample', chunks)), own(b.scores('sample', kvHeads))];
      b.segment(index, kv, TILES.position, new Uint8Array(0));
      b.summarize(index, 0, kv);
      b.scoreChunks(scores, q, index, 0, TILES, { by: 'mean', scale });
      b.select(plan, TILES, keep, scores, index);
    } else b.select(plan, TILES, keep);
    yield { of: 'choice', found: (await b.readPlan(plan)).map(tokensOf) };
  } finally {
    for (const thing of owned) b.free(thing);
  }
}

/** The greatest difference, as a share of the greatest number that should be there; infinite where one is no number. */
const distance = (wanted: Float32Array, found: Float32Array): number => {
  let [most, off] = [0, 0];
  wanted.forEach((value, i) => {
    const difference = Math.abs(value - found[i]!);
    most = Math.max(most, Math.abs(value));
    off = Math.max(off, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  });
  return off / most;
};

/** Share of the bytes that differ by more than one step of a code. */
const changed = (wanted: Uint8Array, found: Uint8Array): number =>
  wanted.reduce((sum, byte, i) => sum + (((byte - found[i]! + 1) & 255) > 2 ? 1 : 0), 0) / wanted.length;

/** Sums of 256 products in another order; codes and half-precision scales that round the other way. */
const [PRODUCT, ATTENTION] = [1e-3, 2e-2];
/** Where a scale rounds the other way its bytes may change by more, and a choice between equals fall otherwise. */
const [CHANGED, CHOSEN] = [0.01, 0.1];

/** What is wrong, if anything is. */
const differenceOf = (wanted: Made, found: Made): string | undefined => {
  if (wanted.of === 'page') {
    const off = changed(wanted.found, found.found as Uint8Array);
    return off <= CHANGED ? undefined : `of the bytes of a page ${(100 * off).toFixed(1)} % are others`;
  }
  if (wanted.of === 'choice') {
    const chosen = found.found as typeof wanted.found;
    const all = wanted.found.reduce((sum, { size }) => sum + size, 0);
    const others = wanted.found.flatMap((list, n) => [...list].filter((token) => !chosen[n]?.has(token)));
    const more = chosen.reduce((sum, { size }) => sum + size, 0) - all;
    if (others.length <= CHOSEN * all && Math.abs(more) <= CHOSEN * all) return undefined;
    return `of ${all} tokens to be read it leaves out ${others.length}, and reads ${Math.max(0, more)} too many`;
  }
  const off = distance(wanted.found, found.found as Float32Array);
  if (wanted.of === 'attention')
    return off <= ATTENTION ? undefined : `attention is off by ${off.toPrecision(2)}`;
  return off <= PRODUCT ? undefined : `products with ${wanted.with} weights are off by ${off.toPrecision(2)}`;
};

/**
 * Computes a little of everything (a product of every type, pages, attention, a choice) on a device and on the CPU, one after
 * the other. The first thing that differs by more than rounding, in words; `undefined`: the device computes right.
 */
export const selfTest = async (gpu: Backend, cpu: Backend, sample: Sample): Promise<string | undefined> => {
  const found = runSample(gpu, sample);
  try {
    for await (const wanted of runSample(cpu, sample)) {
      const difference = differenceOf(wanted, (await found.next()).value!);
      if (difference !== undefined) return difference;
    }
    return undefined;
  } finally {
    await found.return();
  }
};
