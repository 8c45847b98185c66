import { builds, makeWasmBackend } from './make-backend.js';
import { walk } from './walk.js';

/** What a walk on some threads ends in, compared with one thread's. */
export interface Walked {
  readonly build: string;
  readonly threads: number;
  readonly numbers: number;
  readonly different: number;
}

const bits = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

/** What all the walks end in, build by build. */
const walkAll = async (): Promise<Walked[]> => {
  const walked: Walked[] = [];
  for (const build of builds) {
    const one = await makeWasmBackend({ build });
    for (const threads of [2, 3]) {
      const team = await makeWasmBackend({ build, threads });
      for (const start of [0, 2, 3, 4]) {
        const wanted = (await walk(one, start, 40)).map(bits);
        const found = (await walk(team, start, 40)).map(bits);
        const numbers = wanted.reduce((sum, { length }) => sum + length, 0);
        const different = wanted.reduce(
          (sum, values, i) => sum + values.filter((value, at) => value !== found[i]![at]).length,
          0,
        );
        walked.push({ build: team.build, threads: team.threads, numbers, different });
      }
      team.close();
    }
  }
  return walked;
};

// A worker, because a page may not wait for its threads. A promise that rejects here is no error of the worker.
addEventListener('message', () => {
  walkAll().then(postMessage, (error) => postMessage(String(error)));
});
