/**
 * One row through all matrices of a SmolLM2-135M shape with the kernels of two builds or more, in turns over the same
 * weights: from memory, and as many products with weights that stay in the cache. Time of the thread, not of the clock,
 * so that it can be told apart on a machine where other programs run (Linux only). Chromium, one thread:
 * `node bench/run.mjs stream [--dists dist,build/bench/before] [--type Q4_0] [--rounds 20]`
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SHAPES } from '../test/support/shape-model.js';
import { openPage } from './browser.js';
import { blockBytes, matricesOf } from './goals/rates.js';

const { values: options } = parseArgs({
  options: {
    dists: { type: 'string', default: 'dist' },
    type: { type: 'string', default: 'Q4_0' },
    rounds: { type: 'string', default: '20' },
  },
});

interface Setup {
  readonly type: string;
  readonly block: number;
  readonly matrices: readonly { readonly n: number; readonly k: number; readonly times: number }[];
  readonly addresses: readonly string[];
}
type Call = { readonly setup: Setup } | { readonly build: number; readonly fromMemory: boolean };

/** A worker: answers its first call with the bytes of the weights, the others when they are done. */
const serve = (): void => {
  type Kernels = Record<string, (...args: number[]) => number>;
  const [x, panels, out, weights] = [1 << 20, 2 << 20, 3 << 20, 4 << 20];
  const builds: Kernels[] = [];
  let held: Setup;
  const bytesOf = (n: number, k: number): number => ((n + 15) >> 4) * 16 * (k / 32) * held.block;
  const start = async (setup: Setup): Promise<number> => {
    held = setup;
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
    for (const address of setup.addresses) {
      const bytes = await (await fetch(address)).arrayBuffer();
      const { instance } = await WebAssembly.instantiate(bytes, { env: { memory, abort() {} } });
      builds.push(instance.exports as Kernels);
    }
    const total = setup.matrices.reduce((sum, { n, k, times }) => sum + bytesOf(n, k) * times, 0);
    memory.grow(Math.ceil((weights + total) / 65_536));
    new Uint8Array(memory.buffer, weights, total).fill(0x2c);
    return total;
  };
  const pass = (kernels: Kernels, fromMemory: boolean): void => {
    let at = weights;
    for (const { n, k, times } of held.matrices) {
      kernels.panelsQ8!(panels, x, 1, k);
      for (let time = 0; time < times; time++) {
        // In the cache: 64 tiles again and again.
        for (let tile = 0; tile < n / 16; tile += 64) {
          const some = Math.min(64, n / 16 - tile);
          const from = fromMemory ? at + tile * bytesOf(16, k) : weights;
          kernels[`matmul${held.type}`]!(out, panels, from, 1, some * 16, k, 0, 0, some, 0);
        }
        at += bytesOf(n, k);
      }
    }
  };
  self.onmessage = async ({ data }: MessageEvent<Call>) => {
    if ('setup' in data) return postMessage(await start(data.setup));
    for (let i = 0; i < 8; i++) pass(builds[data.build]!, data.fromMemory);
    postMessage(0);
  };
};

/** Files that tell the time of workers' threads, of this program's browser. */
const threads = (): string[] => {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended meanwhile.
    }
  }
  const below = (id: number): number[] => [id, ...(children.get(id) ?? []).flatMap(below)];
  return below(process.pid)
    .flatMap((id) => readdirSync(`/proc/${id}/task`).map((task) => `/proc/${id}/task/${task}`))
    .filter((task) => readFileSync(`${task}/comm`, 'utf8').startsWith('DedicatedWorker'))
    .map((task) => `${task}/schedstat`);
};

const dists = options.dists.split(',');
const { page, address, version, close } = await openPage();
await page.evaluate((code) => {
  const worker = new Worker(URL.createObjectURL(new Blob([`(${code})()`], { type: 'text/javascript' })));
  (globalThis as { ask?: unknown }).ask = (call: unknown) =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage(call);
    });
}, serve.toString());
const ask = (call: Call): Promise<number> =>
  page.evaluate((what) => (globalThis as unknown as { ask(call: unknown): Promise<number> }).ask(what), call);
const bytes = await ask({
  setup: {
    type: options.type,
    block: blockBytes(options.type),
    matrices: matricesOf(SHAPES['smollm2-135m']).model,
    addresses: dists.map((dist) => `${address}${dist}/kernels.relaxed.wasm`),
  },
});
const [thread] = threads();
const spent = (): number => Number(readFileSync(thread!, 'utf8').split(' ')[0]) / 1e6;
const least: Record<string, number> = {};
for (let round = 0; round < Number(options.rounds); round++) {
  for (const fromMemory of [true, false]) {
    for (const [build, dist] of dists.entries()) {
      const before = spent();
      await ask({ build, fromMemory });
      const label = `${fromMemory ? 'memory' : 'cache'} ${dist}`;
      least[label] = Math.min(least[label] ?? Number.POSITIVE_INFINITY, (spent() - before) / 8);
    }
  }
}
await close();
console.log(`${version}, ${options.type}, ${(bytes / 1e6).toFixed(1)} MB of weights, ms of a pass:`);
for (const [label, ms] of Object.entries(least)) {
  console.log(label.padEnd(30), ms.toFixed(2), `${(bytes / ms / 1e6).toFixed(1)} GB/s`);
}
