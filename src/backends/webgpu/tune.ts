import type { Backend } from '../backend.js';
import { isFloat, rowBytes, type WeightType } from '../row-formats.js';
import type { GpuDevice } from './device.js';
import { PLAIN_TILE, type ProductTile, type ProductWays } from './matmul.js';
import { gpuTensors } from './tensors.js';
import { gpuWeights } from './weights.js';

/** What was found of a device before, by how it describes itself, what is used of it and which kernels were timed. */
export interface KeptWays {
  get(what: readonly unknown[]): Promise<unknown>;
  put(what: readonly unknown[], found: ProductWays): Promise<void>;
}

/** What is timed: a matrix as small models have them, and rows as in a segment; products in one submission, and rounds. */
export interface Trial {
  readonly size: number;
  readonly rows: number;
  readonly products: number;
  readonly rounds: number;
}
const TRIAL: Trial = { size: 1024, rows: 64, products: 8, rounds: 3 };
/** Bytes that this takes at most. */
const ROOM = 8 * 2 ** 20;

const TILES: readonly ProductTile[] = [
  PLAIN_TILE,
  { outputs: 64, quads: 2 },
  { outputs: 128, quads: 1 },
  { outputs: 128, quads: 2 },
  { outputs: 256, quads: 1 },
];

/** Those that the device's limits allow. */
export const tilesFor = ({
  maxComputeInvocationsPerWorkgroup: threads,
  maxComputeWorkgroupSizeX: wide,
}: GPUSupportedLimits): readonly ProductTile[] =>
  TILES.filter(({ outputs }) => outputs <= Math.min(threads, wide));

/** Found in this realm. */
const known = new Map<string, ProductWays>();

/** 32 bits that tell one version of a text from another (FNV-1a). */
const versionOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
};

/** What was kept, if it can be: anything may lie in a store. */
const checked = (found: unknown, tiles: readonly ProductTile[]): ProductWays | undefined => {
  const { together, tile } = (found ?? {}) as Partial<ProductWays>;
  const same = tiles.find(({ outputs, quads }) => outputs === tile?.outputs && quads === tile.quads);
  return typeof together === 'boolean' && same ? { together, tile: same } : undefined;
};

/**
 * Sets how a device makes products: how one row meets a matrix, and what a workgroup has of many rows. All ways are timed with
 * weights of the model's first type, once for each adapter and version of the kernels; their bits are the same, so an answer never
 * depends on it.
 */
export const tuneProducts = async ({
  device,
  products: { matmul },
  ways,
  shaders,
  types: [type = 'Q8_0'],
  kept,
  trial = TRIAL,
}: {
  readonly device: GpuDevice;
  readonly products: Pick<Backend, 'matmul'>;
  readonly ways: ProductWays;
  readonly shaders: Readonly<Record<string, string>>;
  readonly types: readonly WeightType[];
  readonly kept?: KeptWays;
  readonly trial?: Trial;
}): Promise<void> => {
  const { description, memory, packedDots, device: own } = device.granted;
  const timed = ['matmul', 'matmul-floats', 'matvec', 'parts'].map((name) => shaders[name] ?? '');
  const what = [description, packedDots, type, versionOf(timed.join())];
  const key = JSON.stringify(what);
  const tiles = tilesFor(own.limits);
  const found = known.get(key) ?? checked(await kept?.get(what), tiles);
  if (found) {
    known.set(key, found);
    Object.assign(ways, found);
    return;
  }
  // What is measured is no reason to pass a budget.
  if (memory - device.buffers.bytes().total < ROOM) return;
  const { size } = trial;
  const [tensors, weights] = [gpuTensors(device), gpuWeights(device)];
  const weight = weights.weight('tuning', type, size, size);
  weights.fill(weight, 0, new Uint8Array(size * rowBytes(type, size)));

  /** The fastest of some ways for so many rows. */
  const fastest = async <T>(rows: number, each: readonly T[], take: (way: T) => void): Promise<T> => {
    const [x, out] = [tensors.tensor('tuning', rows, size), tensors.tensor('tuned', rows, size)];
    tensors.upload(x, new Float32Array(rows * size));
    const least = each.map(() => Number.POSITIVE_INFINITY);
    // The first round compiles. In turns: what else slows the machine down slows down all of them.
    for (let round = 0; round <= trial.rounds; round++) {
      for (const [i, way] of each.entries()) {
        take(way);
        const started = performance.now();
        for (let n = 0; n < trial.products; n++) matmul(out, x, weight);
        await device.recorder.read(device.nothing, 0, 4);
        if (round > 0) least[i] = Math.min(least[i]!, performance.now() - started);
      }
    }
    for (const tensor of [x, out]) tensors.free(tensor);
    return each[least.indexOf(Math.min(...least))]!;
  };

  const takeTogether = (together: boolean): void => void (ways.together = together);
  const takeTile = (tile: ProductTile): void => void (ways.tile = tile);
  takeTogether(isFloat(type) ? false : await fastest(1, [false, true], takeTogether));
  takeTile(await fastest(trial.rows, tiles, takeTile));
  tensors.free(weight);
  const best = { ...ways };
  known.set(key, best);
  await kept?.put(what, best);
};
