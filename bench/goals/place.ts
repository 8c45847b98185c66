import { pathToFileURL } from 'node:url';
import { openPage, type PageOptions } from '../browser.js';

/** Where something is measured. Functions that are called there use nothing from outside themselves. */
export interface Place {
  readonly name: 'Chromium' | 'Node';
  /** `Chromium 156.0.…, relaxed SIMD`. */
  readonly label: string;
  /** The library as this place imports it, and the kernels it runs there. */
  readonly engine: string;
  readonly kernels: string;
  /** A file of the repository as the engine opens it there. */
  at(path: string): string;
  call<In, Out>(run: (input: In) => Out | Promise<Out>, input: In): Promise<Out>;
  close(): Promise<void>;
}

const inNode = (): Place => {
  const url = (path: string): string => pathToFileURL(path).href;
  return {
    name: 'Node',
    label: `Node ${process.version}, SIMD128`,
    engine: url('dist/engine.js'),
    kernels: url('dist/kernels.wasm'),
    at: (path) => path,
    call: async (run, input) => run(input),
    close: async () => {},
  };
};

const inChromium = async (how: PageOptions): Promise<Place> => {
  const { page, address, version, close } = await openPage(how);
  return {
    name: 'Chromium',
    label: `${version}, relaxed SIMD`,
    engine: `${address}dist/index.js`,
    kernels: `${address}dist/kernels.relaxed.wasm`,
    at: (path) => address + path,
    call: (run, input) => page.evaluate(run as never, input as never),
    close,
  };
};

/** Chromium is where the library is meant to run; Node 20 has no relaxed SIMD. */
export const openPlace = (name: Place['name'], how: PageOptions = {}): Promise<Place> =>
  name === 'Node' ? Promise.resolve(inNode()) : inChromium(how);
