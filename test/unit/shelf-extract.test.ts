/** Who takes a file apart is ended when it is silent for too long, works for too long, or is not wanted any more. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { extract } from '../../examples/pwa/parsers/extract.js';
import { limits } from '../../examples/pwa/parsers/limits.js';

class FakeWorker extends EventTarget {
  static last: FakeWorker;
  ended = false;
  constructor() {
    super();
    FakeWorker.last = this;
  }
  postMessage(): void {}
  terminate(): void {
    this.ended = true;
  }
  say(data: unknown): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('Worker', FakeWorker);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const start = () => {
  const stop = new AbortController();
  const shares: number[] = [];
  const onProgress = (share: number): void => void shares.push(share);
  const outcome = extract(new File(['x'], 'x.pdf'), { most: 100, signal: stop.signal, onProgress }).then(
    ({ text }) => text,
    ({ code, name }) => (name === 'AbortError' ? name : code),
  );
  return { stop, shares, outcome, worker: FakeWorker.last };
};
const silence = 1000 * limits.silentSeconds;

test('what is found ends the worker, and so does what it says is wrong', async () => {
  const { outcome, worker, shares } = start();
  worker.say({ share: 0.5 });
  worker.say({ action: 'ready' });
  worker.say({ found: { title: '', text: 'found', share: 1 } });
  expect(await outcome).toBe('found');
  expect([worker.ended, shares, vi.getTimerCount()]).toEqual([true, [0.5], 0]);

  const other = start();
  other.worker.say({ code: 'locked' });
  expect([await other.outcome, other.worker.ended]).toEqual(['locked', true]);
});

test('silence ends it, and endless progress too', async () => {
  const silent = start();
  vi.advanceTimersByTime(silence - 1);
  expect(silent.worker.ended).toBe(false);
  vi.advanceTimersByTime(1);
  expect([await silent.outcome, silent.worker.ended]).toEqual(['slow', true]);

  const busy = start();
  for (let spent = 0; spent < limits.seconds * 1000; spent += silence / 2) {
    expect(busy.worker.ended).toBe(false);
    busy.worker.say({ share: 0.1 });
    vi.advanceTimersByTime(silence / 2);
  }
  expect([await busy.outcome, busy.worker.ended]).toEqual(['slow', true]);
});

test('it is ended when it is not wanted any more, or cannot be started', async () => {
  const unwanted = start();
  unwanted.stop.abort();
  expect([await unwanted.outcome, unwanted.worker.ended]).toEqual(['AbortError', true]);
  const missing = start();
  missing.worker.dispatchEvent(Object.assign(new Event('error'), { message: 'no script' }));
  expect([await missing.outcome, missing.worker.ended]).toEqual(['parser', true]);
});
