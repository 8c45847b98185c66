import { expect, test } from 'vitest';
import { builds, makeWasmBackend } from './make-backend.js';
import type { Walked } from './threads-worker.js';

test('any number of threads gives the bits of one, in every build', async () => {
  const worker = new Worker(new URL('./threads-worker.ts', import.meta.url), { type: 'module' });
  const walked = await new Promise<Walked[]>((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<Walked[] | string>) =>
      typeof data === 'string' ? reject(new Error(data)) : resolve(data),
    );
    worker.addEventListener('error', ({ message }) => reject(new Error(message)));
    worker.addEventListener('messageerror', () => reject(new Error('messageerror')));
    worker.postMessage('go');
  });
  worker.terminate();
  const seen = walked.map(({ build, threads }) => `${build} ${threads}`);
  expect([...new Set(seen)]).toEqual(builds.flatMap((build) => [`${build} 2`, `${build} 3`]));
  expect(walked.every(({ numbers }) => numbers > 2000)).toBe(true);
  expect(walked.filter(({ different }) => different > 0)).toEqual([]);
});

test('a page may not wait: one thread with auto, an error for a number', async () => {
  const backend = await makeWasmBackend({ threads: 'auto' });
  expect(backend).toMatchObject({ threads: 1, reason: expect.stringContaining('which must not wait') });
  await expect(makeWasmBackend({ threads: 2 })).rejects.toMatchObject({ code: 'unsupported/backend' });
});
