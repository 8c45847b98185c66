import { type Backend, PAGE } from '../backend.js';
import { rowBytes } from '../row-formats.js';
import { madeUpTensor, madeUpWeight } from './made-up.js';
import type { Sample } from './sample.js';

/** Milliseconds that a model of the sample's shape would take for so many rows at once, by a trial of single layers. */
export interface Speed {
  /** Of a page of text. */
  readonly page: number;
  /** Of a token of an answer. */
  readonly token: number;
}

/** Tokens that are attended to. */
const TOKENS = 512;
/** Bytes of the matrix, at most: what is larger is as many smaller ones. */
const MOST_BYTES = 16 * 2 ** 20;
/** Products of that shape in a layer: gate, up and down, and about one for the projections. */
const PRODUCTS = 4;
/** Layers in the longer of two runs: what a run takes beside its layers, such as reading back, shows in the difference. */
const LAYERS = 4;
const RUNS = 3;

const rounded = (size: number): number => Math.max(256, Math.ceil(size / 256) * 256);

/** Measures a backend, for a few milliseconds to a few tenths of a second. */
export const trySpeed = async (b: Backend, sample: Sample): Promise<Speed> => {
  const { types, heads, kv: shape, layers } = sample;
  const type = types[0] ?? 'F32';
  const cols = rounded(sample.dim);
  const wanted = rounded(sample.hidden);
  const rows = Math.min(wanted, Math.max(256, Math.floor(MOST_BYTES / rowBytes(type, cols))));
  const products = Math.max(1, Math.round((PRODUCTS * wanted) / rows));
  const weight = madeUpWeight(b, type, rows, cols, 16);
  const [kv, plan] = [b.kvLayer('trial', shape), b.plan('trial', shape.kvHeads)];
  b.mapPages(kv, TOKENS / PAGE);

  const timed = async (tokens: number): Promise<number> => {
    const tiles = { position: TOKENS - tokens, rows: tokens, tileRows: tokens === 1 ? 1 : PAGE };
    b.select(plan, tiles, { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 });
    const [x, q] = [madeUpTensor(b, tokens, cols, 1), madeUpTensor(b, tokens, heads * shape.keyDim, 2)];
    const [out, attended] = [
      b.tensor('trial', tokens, rows),
      b.tensor('trial', tokens, heads * shape.valueDim),
    ];
    const run = async (times: number): Promise<number> => {
      const started = performance.now();
      for (let layer = 0; layer < times; layer++) {
        for (let product = 0; product < products; product++) b.matmul(out, x, weight);
        b.attend(attended, q, kv, plan, { scale: 1 });
      }
      await b.read(b.view(out, 1, 1));
      return performance.now() - started;
    };
    // The first run compiles.
    await run(1);
    let [one, many] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let i = 0; i < RUNS; i++) {
      one = Math.min(one, await run(1));
      many = Math.min(many, await run(1 + LAYERS));
    }
    for (const tensor of [x, q, out, attended]) b.free(tensor);
    const layer = Math.max(0, (many - one) / LAYERS);
    return Math.max(0, one - layer) + layer * layers;
  };
  const speed = { page: await timed(PAGE), token: await timed(1) };
  for (const thing of [weight, kv, plan]) b.free(thing);
  return speed;
};

/** What a visit is taken to be: a few pages of text for every sentence of an answer. */
const [PAGES, ANSWERED] = [4, 32];

/** Whether the GPU is the better choice. */
export const isFaster = (gpu: Speed, cpu: Speed): boolean =>
  PAGES * gpu.page + ANSWERED * gpu.token < PAGES * cpu.page + ANSWERED * cpu.token;
