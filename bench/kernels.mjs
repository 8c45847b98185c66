// Speed of `matmul`, best of many, one thread, quantising the activations included.
//   node bench/kernels.mjs [file.wasm]              plain SIMD in this Node
//   node bench/kernels.mjs --chromium [file.wasm]   relaxed SIMD in Chromium (Node 20 has none)
//   --types=Q4_K,F16                                others than the most used
// GOP/s counts a multiplication and an addition as two. `cold` walks through 96 MB of weights, as decoding does.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const shapes = [
  { n: 1536, k: 768 },
  { n: 2048, k: 2048 },
];
const rows = [1, 32, 128];
const asked = process.argv.find((argument) => argument.startsWith('--types='));
const types = asked?.slice('--types='.length).split(',') ?? ['Q8_0', 'Q4_0', 'Q4_K', 'Q6_K', 'F32'];

/**
 * Runs in Node or in a page: uses nothing from outside itself. Samples are a few tiles long, about 3 ms, so that the
 * best of them was not interrupted; a page's clock ticks in 0.1 ms.
 */
const measure = async ({ bytes, shapes, rows, types }) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes), { env: { memory, abort() {} } });
  const kernels = instance.exports;
  const bytesPer = {
    ...{
      F32: 4,
      F16: 2,
      BF16: 2,
      Q8_0: 34 / 32,
      Q4_0: 18 / 32,
      Q4_1: 20 / 32,
      Q5_1: 36 / 32,
      IQ4_NL: 18 / 32,
    },
    ...{
      Q2_K: 164 / 256,
      Q3_K: 146 / 256,
      Q4_K: 148 / 256,
      Q5_K: 276 / 256,
      Q6_K: 274 / 256,
      IQ4_XS: 138 / 256,
    },
  };
  const panelsOf = (type) => (type.includes('Q') ? 'panelsQ8' : 'panelsF32');
  const clock = (run, times) => {
    const start = performance.now();
    for (let time = 0; time < times; time++) run();
    return performance.now() - start;
  };
  /** Milliseconds of one call, best of half a second. */
  const best = (run) => {
    let times = 1;
    while (clock(run, times) < 2) times *= 2;
    let least = Infinity;
    for (const end = performance.now() + 500; performance.now() < end; )
      least = Math.min(least, clock(run, times));
    return least / times;
  };
  const results = [];
  for (const type of types) {
    for (const { n, k } of shapes) {
      for (const m of [...rows, 0]) {
        const count = m || 1;
        const weightBytes = n * k * bytesPer[type];
        const copies = m ? 1 : Math.ceil((96 << 20) / weightBytes);
        const x = (kernels.heapBase() + 63) & ~63;
        const panels = x + count * k * 4;
        const out = panels + count * k * 4;
        const spare = out + count * n * 4;
        const w = spare + kernels.matmulSpare(k);
        const missing = w + copies * weightBytes - memory.buffer.byteLength;
        if (missing > 0) memory.grow(Math.ceil(missing / 65536));
        new Float32Array(memory.buffer, x, count * k).forEach((_, i, all) => {
          all[i] = Math.sin(i);
        });
        new Uint8Array(memory.buffer, w, copies * weightBytes).fill(0x2c);
        const tiles = (copies * n) / 16;
        const step = Math.max(1, Math.min(tiles, Math.floor((3e7 / (2 * count * k * 16)) | 0)));
        let tile = 0;
        const panel = best(() => kernels[panelsOf(type)](panels, x, count, k));
        const some = best(() => {
          if (tile + step > tiles) tile = 0;
          kernels[`matmul${type}`](out - tile * 64, panels, w, count, n, k, 0, tile, tile + step, spare);
          tile += step;
        });
        const milliseconds = panel + (some * n) / 16 / step;
        results.push({ type, n, k, m, gops: (2 * count * n * k) / milliseconds / 1e6 });
      }
    }
  }
  return results;
};

const print = (results) => {
  console.log(`${'GOP/s'.padEnd(18)}${rows.map((m) => `M=${m}`.padStart(8)).join('')}    cold`);
  for (const type of types) {
    for (const { n, k } of shapes) {
      const mine = results.filter((row) => row.type === type && row.n === n && row.k === k);
      const cells = mine.map(({ gops }) => gops.toFixed(1).padStart(8)).join('');
      console.log(`${`${type} ${n}x${k}`.padEnd(18)}${cells}`);
    }
  }
};

const named = process.argv.slice(2).find((argument) => !argument.startsWith('--'));
const inChromium = process.argv.includes('--chromium');
const file =
  named ?? fileURLToPath(new URL(`../dist/kernels${inChromium ? '.relaxed' : ''}.wasm`, import.meta.url));
const work = { bytes: [...(await readFile(file))], shapes, rows, types };
if (inChromium) {
  const { chromium } = await import('playwright');
  const { chromiumArguments, findChromium } = await import('../test/support/chromium.mjs');
  const executablePath = findChromium();
  const browser = await chromium.launch({
    ...(executablePath && { executablePath }),
    args: chromiumArguments,
  });
  try {
    const page = await browser.newPage();
    print(await page.evaluate(measure, work));
  } finally {
    await browser.close();
  }
} else {
  print(await measure(work));
}
