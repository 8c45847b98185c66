import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recorder, serveFolder } from '../packaging/serve.mjs';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';

const root = join(import.meta.dirname, '../..');
/**
 * A sixtieth of a device that gives a page 1.2 GB and no buffer above 256 MB: the bundled model is as small as that to one of
 * 350 MB.
 */
const LIMITS = { memory: 1.2e9 / 60, buffer: 256e6 / 60 };

/** Runs before the engine in its worker: refuses what such a device refuses, and tells how much was asked for. */
const limits = `
const { memory: MOST, buffer: LARGEST } = ${JSON.stringify(LIMITS)};
const seen = { memory: 0, buffer: 0 };
const memories = [];
const refuse = (why) => { throw new RangeError(why); };
const total = () => memories.reduce((sum, one) => sum + one.buffer.byteLength, 0);
const note = () => { seen.memory = Math.max(seen.memory, total()); };
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(settings) {
    if (settings.shared) refuse('No shared memory on this device.');
    if (total() + settings.initial * 65536 > MOST) refuse('No more memory on this device.');
    super(settings);
    memories.push(this);
    note();
  }
  grow(pages) {
    if (total() + pages * 65536 > MOST) refuse('No more memory on this device.');
    const before = super.grow(pages);
    note();
    return before;
  }
};
for (const name of ['ArrayBuffer', 'Uint8Array', 'Int8Array', 'Uint16Array', 'Uint32Array', 'Int32Array', 'Float32Array']) {
  const size = globalThis[name].BYTES_PER_ELEMENT ?? 1;
  globalThis[name] = new Proxy(globalThis[name], {
    construct(target, args, made) {
      const bytes = typeof args[0] === 'number' ? args[0] * size : 0;
      if (bytes > LARGEST) refuse('No buffer of ' + bytes + ' bytes on this device.');
      seen.buffer = Math.max(seen.buffer, bytes);
      return Reflect.construct(target, args, made === globalThis[name] ? target : made);
    },
  });
}
const channel = new BroadcastChannel('limits');
channel.onmessage = ({ data }) => { if (data === 'tell') channel.postMessage(seen); };
`;
const page = `
import { load } from './longhand/index.js';
globalThis.read = async (options, text) => {
  const worker = new Worker('./small.js', { type: 'module' });
  const model = await load('/model.gguf', { ...options, worker });
  const session = await model.session({ id: 'kept' });
  await session.append(text);
  const answer = await session.ask('Where is the brass key?').text();
  const { tokens, bytes, memory } = await session.stats();
  const channel = new BroadcastChannel('limits');
  const told = new Promise((resolve) => { channel.onmessage = ({ data }) => resolve(data); });
  channel.postMessage('tell');
  const seen = await told;
  const { threads, backend } = model.info;
  await model.close();
  return { answer, tokens, bytes, memory, seen, threads, backend, isolated: crossOriginIsolated };
};
`;

const folder = mkdtempSync(join(tmpdir(), 'longhand-small-'));
let browser: Browser;
let server: Awaited<ReturnType<typeof serveFolder>>;
beforeAll(async () => {
  cpSync(join(root, 'dist'), join(folder, 'longhand'), {
    recursive: true,
    filter: (path) => !/types|\.map$/.test(path),
  });
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
  );
  writeFileSync(join(folder, 'page.js'), page);
  writeFileSync(join(folder, 'limits.js'), limits);
  writeFileSync(join(folder, 'small.js'), "import './limits.js';\nimport './longhand/worker.js';\n");
  server = await serveFolder(folder, recorder(root), { isolated: false });
  browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
});
afterAll(async () => {
  await browser.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const visit = async (options: object, text: string) => {
  const opened = await browser.newPage();
  try {
    await opened.goto(server.address);
    // biome-ignore lint/suspicious/noExplicitAny: a function of the page's script
    return await opened.evaluate(([with_, words]) => (globalThis as any).read(with_, words), [
      options,
      text,
    ] as const);
  } finally {
    await opened.close();
  }
};
const TEXT = `${'The tide was low and nobody came to the shore. '.repeat(500)}The brass key is hidden in the attic.`;

test('a device without threads, isolation and room for the whole text answers within its limits', async () => {
  const found = await visit(
    // The preset, its bytes scaled: what is kept to choose by does not shrink as the model does, so more is left to it.
    {
      preset: 'small-device',
      cpuMemory: LIMITS.memory,
      attention: { method: 'dhsa', budget: 512 },
      kv: { memory: '8MB' },
    },
    TEXT,
  );
  expect(found).toMatchObject({ threads: 1, backend: 'wasm', isolated: false });
  expect(found.answer).toContain('attic');
  // All its pages would not have fitted.
  expect(found.tokens * 1584).toBeGreaterThan(8e6);
  expect(found.memory.used).toBeLessThanOrEqual(8e6);
  // Refusals are met with less: nothing of them shows.
  expect(found.seen.buffer).toBeLessThanOrEqual(LIMITS.buffer);
  expect(found.seen.memory).toBeLessThanOrEqual(LIMITS.memory);
  // What it says of itself is what the device gave, but for room that is free.
  expect(found.bytes.total).toBeLessThanOrEqual(found.seen.memory * 1.05);
});

test('what a device would end the page for is refused before', async () => {
  const dense = { attention: { method: 'dense' }, kv: { memory: '1GB', keys: 'f16', values: 'f16' } };
  const refused = visit(
    { preset: 'small-device', cpuMemory: '12MB', ...dense },
    TEXT.slice(TEXT.length * 0.4),
  );
  await expect(refused).rejects.toThrow(/cpuMemory, gave no more memory/);
});

test('where the device gives less than was allowed, that is said', async () => {
  const kv = { memory: '1GB', keys: 'f16', values: 'f16' };
  const tooMuch = visit(
    { preset: 'small-device', attention: { method: 'dense' }, kv },
    TEXT.slice(TEXT.length * 0.4),
  );
  await expect(tooMuch).rejects.toThrow(/memory/);
});
