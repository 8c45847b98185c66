/**
 * What an adapter is asked for and how fast it is: compiling, products, attention over everything and over a share of it, a whole
 * model, and beside them ONNX Runtime Web's attention and wllama's whole model on the same adapter.
 * `node bench/run.mjs webgpu` measures the software adapter that the tests run on and writes docs/LIMITS.md;
 * `node bench/run.mjs webgpu --gpu [--bandwidth 900] [--flops 40]` the machine's own GPU, in a browser with a window, with
 * shares of what its maker says (GB/s of memory, TFLOP/s of f32), and writes the table of the GPU there.
 * `--quick`: tiny, to show that all of it runs; writes nothing. `--peers`: the others too (default with `--gpu`).
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { chromium } from 'playwright';
import { ensureChromium } from '../test/support/chromium.mjs';
import { openPage } from './browser.js';
import { timeWllama } from './goals/wllama.js';
import { intoPage } from './into-page.js';
import { makeModel } from './make-model.js';
import { serve } from './serve.js';
import type * as InPage from './webgpu/in-page.js';
import type * as PeerInPage from './webgpu/peer-in-page.js';

const { values: given } = parseArgs({
  options: {
    gpu: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean' },
    bandwidth: { type: 'string' },
    flops: { type: 'string' },
    model: { type: 'string', default: 'smollm2-135m' },
  },
});
const peers = given.peers ?? given.gpu;
if (peers && !existsSync('bench/node_modules/onnxruntime-web')) {
  console.log('Installing the runtimes that Longhand is measured against into bench/node_modules.');
  execFileSync('npm', ['--prefix', 'bench', 'ci', '--no-audit', '--no-fund'], { stdio: 'inherit' });
}

const openGpuPage = async () => {
  const server = await serve();
  const args = ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--enable-features=Vulkan'];
  const browser = await chromium.launch({ executablePath: await ensureChromium(), headless: false, args });
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(server.address);
  const close = async (): Promise<void> => {
    await browser.close();
    server.close();
  };
  return { page, address: server.address, version: `Chromium ${browser.version()}`, close };
};

type Modules = { 'in-page': typeof InPage; 'peer-in-page': typeof PeerInPage };
for (const name of ['in-page', 'peer-in-page']) {
  const outfile = `bench/build/webgpu-${name}.mjs`;
  const entryPoints = [`bench/webgpu/${name}.ts`];
  await build({ entryPoints, outfile, bundle: true, format: 'esm', logLevel: 'warning' });
}
const { page, address, version, close } = given.gpu ? await openGpuPage() : await openPage();
const callIn = async <Module extends keyof Modules, Name extends keyof Modules[Module] & string>(
  module: Module,
  name: Name,
  ...args: Modules[Module][Name] extends (...args: infer Args) => unknown ? Args : never
): Promise<Modules[Module][Name] extends (...args: never[]) => Promise<infer Out> ? Out : never> => {
  console.log(`  ${name} …`);
  const at = `${address}bench/build/webgpu-${module}.mjs`;
  return page.evaluate(
    async ([at, name, args]) => (await import(at as string))[name as string](...(args as [])),
    [at, name, args] as unknown[],
  ) as never;
};

const { quick } = given;
const types = quick ? (['Q8_0'] as const) : (['F16', 'Q8_0', 'Q4_K'] as const);
const adapter = await callIn('in-page', 'measureAdapter', `${address}dist/shaders.json`, [...types, 'F32']);
const soft = adapter.isSoftware;
const sizes = {
  heads: soft ? 1 : 8,
  dim: 64,
  rows: quick ? 64 : soft ? 128 : 512,
  rounds: quick ? 1 : soft ? 3 : 10,
  lengths: quick ? [512] : soft ? [1024, 2048, 4096] : [4096, 8192, 16384, 32768],
};
const attended = await callIn('in-page', 'measureAttend', { ...sizes, density: 0.125 });
const products = await callIn('in-page', 'measureProducts', {
  types,
  ...(quick
    ? { size: 256, rows: [1, 8] }
    : soft
      ? { size: 512, rows: [1, 64] }
      : { size: 4096, rows: [1, 512] }),
  ...{ repeats: soft ? 1 : 20, rounds: quick ? 1 : soft ? 5 : 10 },
});
const top = await callIn('in-page', 'measureTop', 128_256, 40, quick ? 1 : soft ? 3 : 10);
const model = soft ? 'examples/models/book-reader-5m-Q8_0.gguf' : makeModel(given.model, 'Q8_0');
const [tokens, steps] = quick ? [320, 2] : soft ? [512, 4] : [8192, 64];
const wholeWith = (attention: Parameters<typeof InPage.measureModel>[0]['attention']) =>
  callIn('in-page', 'measureModel', {
    ...{ engine: `${address}dist/engine.js`, kernels: `${address}dist/`, model: address + model },
    ...{ tokens, steps, attention },
  });
const whole = await wholeWith({ method: 'dhsa', budget: 512 });

/** What a peer does not do is no reason to lose the rest. */
const orWhy = async <T>(name: string, work: () => Promise<T>): Promise<T | string> => {
  try {
    return await work();
  } catch (error) {
    const why = (error as Error).message.split('\n')[0]!.slice(0, 120);
    console.error(`  ${name} fails: ${why}`);
    return why;
  }
};
const runtime = `${address}bench/node_modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs`;
const others = peers && {
  attention: await orWhy('ONNX Runtime Web', () =>
    callIn('peer-in-page', 'measurePeer', { ...sizes, kvHeads: sizes.heads, runtime }),
  ),
  dense: await wholeWith({ method: 'dense' }),
  wllama: await orWhy('wllama', async () => {
    console.log('  timeWllama …');
    const limit = quick ? 60_000 : 1_200_000;
    const late = new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`it took longer than ${limit / 1000} s`)), limit).unref(),
    );
    const timing = page.evaluate(timeWllama, {
      ...{ root: `${address}bench/node_modules/`, model: address + model, folder: 'wllama-3', compat: false },
      ...{
        listens: true,
        load: { n_gpu_layers: 999 },
        tokens: tokens - 256,
        answer: steps,
        samples: quick ? 1 : 3,
      },
    });
    return Promise.race([timing, late]);
  }),
};
await close();

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
const share = (value: number, of: string | undefined, unit: number): string =>
  of === undefined ? '' : ` (${((100 * value) / (Number(of) * unit)).toFixed(0)} %)`;
const speed = (count: number, took: number): string => ((1000 * count) / took).toFixed(1);
const lines = [
  '| attention of the last rows, q8 pages | everything, ms | share of it, ms | pairs read | times as fast |',
  '|---|---:|---:|---:|---:|',
  ...attended.map(
    ({ tokens, dense, sparse, density }) =>
      `| behind ${tokens.toLocaleString('en')} tokens | ${ms(dense)} | ${ms(sparse)} | ${(100 * density).toFixed(1)} % | ${(dense / sparse).toFixed(1)} |`,
  ),
  '',
  '| product | rows | ms | GB/s of weights | GFLOP/s | made by |',
  '|---|---:|---:|---:|---:|---|',
  ...products.map(
    (one) =>
      `| ${one.type} | ${one.rows} | ${ms(one.ms)} | ${one.gigabytes.toFixed(2)}${share(one.gigabytes, given.bandwidth, 1)} | ${one.gigaflops.toFixed(2)}${share(one.gigaflops, given.flops, 1000)} | ${one.way} |`,
  ),
  '',
  `| ${model.replace(/.*\//, '')} with DHSA | ms | dispatches | submissions | bytes handed over | bytes read back |`,
  '|---|---:|---:|---:|---:|---:|',
  ...(['reading', 'token'] as const).map((name) => {
    const { ms: took, dispatches, submissions, written, readBack } = whole[name];
    const what = name === 'token' ? 'a token of an answer' : 'reading, the whole call';
    const numbers = [dispatches, submissions, written, readBack].map((n) =>
      Math.round(n).toLocaleString('en'),
    );
    return `| ${what} | ${ms(took)} | ${numbers.join(' | ')} |`;
  }),
  '',
  `${adapter.pipelines} pipelines were compiled in ${(adapter.compiling / 1000).toFixed(1)} s. The 40 likeliest of 128,256 tokens are found in ${ms(top)} ms.`,
];
if (others) {
  const { attention, dense, wllama } = others;
  const read = tokens - 256;
  const ours = (name: string, { reading, token }: typeof whole): string =>
    `| Longhand, ${name} | ${speed(read, reading.ms)} | ${speed(1, token.ms)} |`;
  lines.push(
    '',
    '| dense attention of the last rows | Longhand, q8 pages, ms | ONNX Runtime Web, GroupQueryAttention in f32, ms |',
    '|---|---:|---:|',
    ...attended.map(({ tokens, dense }, i) => {
      const peer = typeof attention === 'string' ? attention : attention[i]!.ms;
      return `| behind ${tokens.toLocaleString('en')} tokens | ${ms(dense)} | ${typeof peer === 'string' ? `fails: ${peer}` : ms(peer)} |`;
    }),
    '',
    `| ${read.toLocaleString('en')} tokens read, then ${steps} answered | reading, tokens/s | answering, tokens/s |`,
    '|---|---:|---:|',
    ours('dense', dense),
    ours('dhsa 512', whole),
    typeof wllama === 'string'
      ? `| wllama 3.8.1 on WebGPU | fails: ${wllama} | |`
      : `| wllama 3.8.1${wllama.onGpu ? ' on WebGPU' : ', which took the CPU here'} | ${wllama.read.toFixed(1)} | ${wllama.answer.toFixed(1)} |`,
  );
}
const made = `${adapter.description}${adapter.packedDots ? ', packed dot products' : ''}; ${version}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}.`;
if (quick) console.log([...lines, '', made, `Features: ${adapter.features.join(' ')}`].join('\n'));
else intoPage('docs/LIMITS.md', soft ? 'webgpu' : 'webgpu-device', lines.join('\n'), made);
