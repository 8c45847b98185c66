import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { startModelServer } from '../support/model-server.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';

const root = join(import.meta.dirname, '../..');

/** The engine opens its stores, with patience, through the file with the fault points. */
const faultPoints: Plugin = {
  name: 'fault-points',
  setup: ({ onResolve, onEnd }) => {
    let stands = 0;
    onResolve({ filter: /\/index\.js$/ }, ({ importer }) => {
      if (!importer.endsWith(join('src', 'stores', 'patience.ts'))) return undefined;
      stands++;
      return { path: join(root, 'test/crash/fault-points.ts') };
    });
    onEnd(() => {
      if (stands !== 1) throw new Error(`The fault points stand in at ${stands} places, not at one.`);
    });
  },
};

const PAGE = `<!doctype html><link rel="icon" href="data:,"><title>Crash</title><script>
  let worker;
  globalThis.begin = (task) => {
    worker?.terminate();
    worker = new Worker('/visitor.js', { type: 'module' });
    const own = worker;
    own.onmessage = async ({ data }) => {
      await report(data);
      if ('asked' in data) own.postMessage({ heard: data.asked });
    };
    worker.onerror = ({ message }) => report({ failed: message });
    worker.postMessage(task);
  };
</script>`;

/** A model of random weights, eight narrow layers of it, so that a segment has several records. */
const model = (): Uint8Array =>
  randomModel({
    architecture: 'llama',
    type: 'Q8_0',
    tokenizer: 'llama-bpe',
    seed: random(9).below(1000),
    layers: 8,
    window: 4096,
  });

export interface Stage {
  readonly address: string;
  /** Of everything that runs in the browser. */
  readonly version: string;
  close(): Promise<void>;
}

/** Serves the page, its worker, the kernels and the model. */
export const openStage = async (): Promise<Stage> => {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'test/crash/visitor.ts')],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    external: ['node:*'],
    logLevel: 'warning',
    plugins: [faultPoints],
  });
  const server = await startModelServer();
  const add = (path: string, type: string, bytes: Uint8Array): void => {
    server.files.set(path, { bytes, headers: { 'content-type': type } });
  };
  add('/', 'text/html', Buffer.from(PAGE));
  add('/visitor.js', 'text/javascript', outputFiles[0]!.contents);
  for (const name of ['kernels.wasm', 'kernels.relaxed.wasm']) {
    add(`/${name}`, 'application/wasm', readFileSync(join(root, 'dist', name)));
  }
  add('/model.gguf', 'application/octet-stream', model());
  mkdirSync(join(root, 'build/crash'), { recursive: true });
  return { address: `${server.address}/`, version: outputFiles[0]!.hash, close: () => server.stop() };
};
