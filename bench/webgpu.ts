/**
 * What an adapter is asked for and how fast it is: compiling, products, attention over everything and over a share of it, a whole
 * model. `node bench/run.mjs webgpu` measures the software adapter that the tests run on and writes docs/LIMITS.md;
 * `node bench/run.mjs webgpu --gpu [--bandwidth 900] [--flops 40]` the machine's own GPU, in a browser with a window, and prints
 * shares of what its maker says: GB/s of memory, TFLOP/s of f32.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { chromium } from 'playwright';
import { ensureChromium } from '../test/support/chromium.mjs';
import { openPage } from './browser.js';
import { intoPage } from './into-page.js';
import { makeModel } from './make-model.js';
import { serve } from './serve.js';
import type * as InPage from './webgpu/in-page.js';

const { values: given } = parseArgs({
  options: {
    gpu: { type: 'boolean', default: false },
    bandwidth: { type: 'string' },
    flops: { type: 'string' },
    model: { type: 'string', default: 'smollm2-135m' },
  },
});

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

const outfile = 'bench/build/webgpu-in-page.mjs';
const entryPoints = ['bench/webgpu/in-page.ts'];
await build({ entryPoints, outfile, bundle: true, format: 'esm', logLevel: 'warning' });
const { page, address, version, close } = given.gpu ? await openGpuPage() : await openPage();
const call = async <Name extends keyof typeof InPage>(
  name: Name,
  ...args: Parameters<(typeof InPage)[Name]>
): Promise<Awaited<ReturnType<(typeof InPage)[Name]>>> => {
  console.log(`  ${name} …`);
  const at = address + outfile;
  return page.evaluate(
    async ([at, name, args]) => (await import(at as string))[name as string](...(args as [])),
    [at, name, args] as unknown[],
  ) as never;
};

const adapter = await call('measureAdapter', `${address}dist/shaders.json`);
const soft = adapter.isSoftware;
const attended = await call('measureAttend', {
  ...{ heads: soft ? 1 : 8, dim: 64, rows: soft ? 128 : 512, density: 0.125, rounds: soft ? 3 : 10 },
  lengths: soft ? [1024, 2048, 4096] : [4096, 8192, 16384, 32768],
});
const products = await call('measureProducts', {
  ...{ types: ['F16', 'Q8_0', 'Q4_K'], size: soft ? 512 : 4096, rows: soft ? [1, 64] : [1, 512] },
  ...{ repeats: soft ? 1 : 20, rounds: soft ? 5 : 10 },
});
const top = await call('measureTop', 128_256, 40, soft ? 3 : 10);
const model = soft ? 'examples/models/book-reader-5m-Q8_0.gguf' : makeModel(given.model, 'Q8_0');
const whole = await call('measureModel', {
  ...{ engine: `${address}dist/engine.js`, kernels: `${address}dist/`, model: address + model },
  ...{ tokens: soft ? 512 : 8192, steps: soft ? 4 : 64 },
});
await close();

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
const share = (value: number, of: string | undefined, unit: number): string =>
  of === undefined ? '' : ` (${((100 * value) / (Number(of) * unit)).toFixed(0)} %)`;
const lines = [
  '| attention of the last rows, q8 pages | everything, ms | share of it, ms | pairs read | times as fast |',
  '|---|---:|---:|---:|---:|',
  ...attended.map(
    ({ tokens, dense, sparse, density }) =>
      `| behind ${tokens.toLocaleString('en')} tokens | ${ms(dense)} | ${ms(sparse)} | ${(100 * density).toFixed(1)} % | ${(dense / sparse).toFixed(1)} |`,
  ),
  '',
  '| product | rows | ms | GB/s of weights | GFLOP/s |',
  '|---|---:|---:|---:|---:|',
  ...products.map(
    (one) =>
      `| ${one.type} | ${one.rows} | ${ms(one.ms)} | ${one.gigabytes.toFixed(2)}${share(one.gigabytes, given.bandwidth, 1)} | ${one.gigaflops.toFixed(2)}${share(one.gigaflops, given.flops, 1000)} |`,
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
const made = `${adapter.description}${adapter.packedDots ? ', packed dot products' : ''}; ${version}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}.`;
if (soft) intoPage('docs/LIMITS.md', 'webgpu', lines.join('\n'), made);
else console.log([...lines, '', made, `Features: ${adapter.features.join(' ')}`].join('\n'));
