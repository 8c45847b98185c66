/** Model files on the device: what is kept, when, and what is never kept. In Node, on a device in memory. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { deleteModel, models } from '../../src/weights/kept-files.js';
import { openSource, type SourceOptions } from '../../src/weights/open-source.js';
import type { Source } from '../../src/weights/source.js';
import { createFakeDevice, type FakeDevice } from '../support/fake-device.js';
import { field, writeGguf } from '../support/gguf-writer.js';
import { type ModelServer, startModelServer } from '../support/model-server.js';

const MB = 1 << 20;
/** A model of one tensor with content that repeats nowhere. */
const fileOf = (seed: number, size = 6 * MB): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(size);
  new Uint32Array(bytes.buffer).forEach((_, i, words) => {
    words[i] = Math.imul(i + seed * 7919, 0x9e3779b1);
  });
  return writeGguf({
    metadata: { 'general.name': field('string', `file ${seed}`) },
    tensors: [{ name: 'a', type: 'F32', shape: [size / 4], bytes }],
  });
};
const FILE = fileOf(1);
const OTHER = fileOf(2);
const DELAYS = [5, 10, 20];

let device: FakeDevice;
let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(() => server.stop());
const on = (next: FakeDevice): void => {
  device = next;
  vi.stubGlobal('navigator', device.navigator);
};
beforeEach(() => {
  server.files.clear();
  server.log.length = 0;
  on(createFakeDevice());
});
afterEach(() => vi.unstubAllGlobals());

const open = (path = '/m.gguf', options: SourceOptions = {}): Source =>
  openSource(server.address + path, { cache: true, delays: DELAYS, ...options });
const collect = async (source: Source, signal?: AbortSignal): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of source.pieces(signal)) pieces.push(piece.slice());
  return Buffer.concat(pieces);
};
/** Whether a source hands out a file; a plain comparison of megabytes would print them. */
const isFile = async (source: Source, file: Uint8Array = FILE): Promise<boolean> =>
  Buffer.compare(await collect(source), file) === 0;
const until = async (source: Source, bytes: number): Promise<void> => {
  let got = 0;
  for await (const piece of source.pieces()) if ((got += piece.length) >= bytes) return;
};
const kept = async () => (await models()).map(({ complete, bytes }) => ({ complete, bytes }));
const WHOLE = [{ complete: true, bytes: FILE.length }];

describe('a model is downloaded', () => {
  test('in parallel ranges, every byte once, and read without a network from then on', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    const first = open();
    expect(await isFile(first)).toBe(true);
    expect(first).toMatchObject({ received: FILE.length, isKept: true, warnings: [], size: FILE.length });
    expect(server.sent('/m.gguf')).toBe(FILE.length);
    expect(server.log.length).toBeGreaterThan(4);
    expect(server.log.every(({ status }) => status === 206)).toBe(true);
    await server.stop();
    const second = open();
    expect(await isFile(second)).toBe(true);
    expect(second).toMatchObject({ received: 0, isKept: true, warnings: [] });
    await server.start();
    expect(await models()).toEqual([
      expect.objectContaining({
        url: `${server.address}/m.gguf`,
        name: 'm.gguf',
        bytes: FILE.length,
        parts: 1,
        complete: true,
        changed: false,
      }),
    ]);
  });

  test.each([
    ['that does not heed ranges', { ranges: false }],
    ['that hides where a range stands', { headers: { 'content-range': '' } }],
    ['without a version', { etag: null }],
  ])('in one stream from a server %s', async (_, served) => {
    server.files.set('/m.gguf', { bytes: FILE, ...served });
    const source = open();
    expect(await isFile(source)).toBe(true);
    expect(source).toMatchObject({ isKept: true, warnings: [] });
    expect(await kept()).toEqual(WHOLE);
    await server.stop();
    expect(await isFile(open())).toBe(true);
    await server.start();
  });

  test('in one stream from another origin, which hides the encoding that its length is of', async () => {
    server.files.set('/m.gguf', { bytes: FILE, ranges: false });
    const fetch: typeof globalThis.fetch = async (...asked) =>
      Object.defineProperty(await globalThis.fetch(...asked), 'type', { value: 'cors' });
    expect(await isFile(open('/m.gguf', { fetch }))).toBe(true);
    expect(await kept()).toEqual(WHOLE);
    server.log.length = 0;
    expect(await isFile(open('/m.gguf', { fetch }))).toBe(true);
    expect(server.sent('/m.gguf')).toBe(0);
  });

  test('in one stream that is not kept where the length is not told', async () => {
    server.files.set('/m.gguf', { bytes: FILE, ranges: false, length: null });
    const source = open();
    expect(await isFile(source)).toBe(true);
    expect(source.isKept).toBe(false);
    expect(source.warnings).toEqual([expect.stringMatching(/does not tell how long/)]);
    expect(device.names()).toEqual([]);
  });

  test('again, where it broke off, on the same visit', async () => {
    for (const ranges of [true, false]) {
      server.files.set('/m.gguf', { bytes: FILE, ranges, breakAfter: 3 * MB });
      server.log.length = 0;
      expect(await isFile(open())).toBe(true);
      if (ranges) expect(server.sent('/m.gguf')).toBeLessThan(FILE.length + 3 * MB);
      expect(await kept()).toEqual(WHOLE);
      await deleteModel(`${server.address}/m.gguf`);
    }
  });

  test('again, where the server was busy, or answered a page', async () => {
    const asked = new Map<string | undefined, number>();
    server.files.set('/m.gguf', {
      bytes: FILE,
      instead: ({ headers: { range } }, response) => {
        if (range?.startsWith('bytes=0-')) return false;
        const time = (asked.get(range) ?? 0) + 1;
        asked.set(range, time);
        if (time === 1) response.writeHead(503).end('later');
        if (time === 2)
          response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>sign in');
        return time < 3;
      },
    });
    expect(await isFile(open())).toBe(true);
    expect(await kept()).toEqual(WHOLE);
  });

  test('and goes on on the next visit, with what is missing', async () => {
    server.files.set('/m.gguf', { bytes: FILE, slow: { bytes: 1 << 18, pause: 2 } });
    await until(open(), 3 * MB);
    const [left] = await models();
    expect(left).toMatchObject({ complete: false });
    expect(left!.bytes).toBeGreaterThan(3 * MB);
    const source = open();
    expect(await isFile(source)).toBe(true);
    expect(source.received).toBe(FILE.length - left!.bytes);
    expect(await kept()).toEqual(WHOLE);
  });

  test('an abort keeps what arrived', async () => {
    server.files.set('/m.gguf', { bytes: FILE, slow: { bytes: 1 << 18, pause: 5 } });
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of open().pieces(abort.signal)) abort.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    const [left] = await models();
    expect(left!.bytes).toBeGreaterThan(0);
    const source = open();
    expect(await isFile(source)).toBe(true);
    expect(source.received).toBe(FILE.length - left!.bytes);
  });

  test('killed at any moment, it goes on, and is never wrong', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    const states: FakeDevice[] = [];
    for await (const _ of open().pieces()) states.push(device.afterKill());
    states.push(device.afterKill());
    let resumed = 0;
    for (const state of states) {
      on(state);
      for (const { complete } of await models())
        expect(complete).toBe(state === states.at(-1) || state === states.at(-2));
      const source = open();
      expect(await isFile(source)).toBe(true);
      if (source.received! < FILE.length) resumed++;
      expect(await kept()).toEqual(WHOLE);
    }
    expect(resumed).toBeGreaterThan(2);
  });

  test('once, by many at the same time', async () => {
    server.files.set('/m.gguf', { bytes: FILE, slow: { bytes: 1 << 18, pause: 20 } });
    const told: number[] = [];
    const sources = Array.from({ length: 4 }, () =>
      open('/m.gguf', { onWait: (loaded, total) => told.push(loaded / total) }),
    );
    expect(await Promise.all(sources.map((source) => isFile(source)))).toEqual([true, true, true, true]);
    expect(server.sent('/m.gguf')).toBe(FILE.length);
    expect(sources.map(({ received }) => received).sort()).toEqual([0, 0, 0, FILE.length]);
    expect(told.length).toBeGreaterThan(0);
    expect(Math.max(...told)).toBeLessThanOrEqual(1);
  });

  test('by the next one, where the first gave up', async () => {
    server.files.set('/m.gguf', { bytes: FILE, slow: { bytes: 1 << 18, pause: 10 } });
    const first = until(open(), 2 * MB);
    const second = open();
    const [, whole] = await Promise.all([first, isFile(second)]);
    expect(whole).toBe(true);
    expect(second.received).toBeLessThan(FILE.length);
    expect(await kept()).toEqual(WHOLE);
  });
});

describe('what is wrong is never kept', () => {
  const damaged = FILE.slice();
  damaged.fill(255, 30, 32);
  const page = Buffer.from('<!doctype html><title>Sign in</title>');
  test.each([
    ['an HTML page', 'model/unreachable', { bytes: page, headers: { 'content-type': 'text/html' } }],
    ['an HTML page that calls itself a file', 'model/corrupt', { bytes: page }],
    ['the same in one stream', 'model/corrupt', { bytes: page, ranges: false }],
    ['nothing', 'model/unreachable', { bytes: new Uint8Array(0) }],
    ['a file cut short by its server', 'model/corrupt', { bytes: FILE.slice(0, 4 * MB) }],
    ['the same in one stream', 'model/corrupt', { bytes: FILE.slice(0, 4 * MB), ranges: false }],
    ['damaged structure', 'model/corrupt', { bytes: damaged }],
  ] as const)('%s', async (_, code, served) => {
    server.files.set('/m.gguf', served);
    await expect(collect(open())).rejects.toMatchObject({ code });
    expect(device.names()).toEqual([]);
    server.files.set('/m.gguf', { bytes: FILE });
    expect(await isFile(open())).toBe(true);
  });

  test('a missing file', async () => {
    await expect(collect(open('/gone.gguf'))).rejects.toMatchObject({
      code: 'model/unreachable',
      message: expect.stringContaining('404'),
    });
    expect(await models()).toEqual([]);
  });

  test('a stream shorter than it said, which no version lets go on', async () => {
    server.files.set('/m.gguf', { bytes: FILE, ranges: false, etag: null, breakAfter: 3 * MB });
    await expect(collect(open())).rejects.toMatchObject({ code: 'model/unreachable' });
    expect(await kept()).not.toEqual(WHOLE);
    expect(await isFile(open())).toBe(true);
    expect(await kept()).toEqual(WHOLE);
  });

  test('half of one version and half of another', async () => {
    const served = { bytes: FILE, slow: { bytes: 1 << 18, pause: 10 } };
    server.files.set('/m.gguf', served);
    let seen = 0;
    const mixed = (async () => {
      for await (const { length } of open().pieces()) if ((seen += length) > 2 * MB) served.bytes = OTHER;
    })();
    await expect(mixed).rejects.toMatchObject({
      code: 'model/unreachable',
      message: expect.stringContaining('has changed on the server'),
    });
    expect(await kept()).not.toEqual(WHOLE);
    expect(await isFile(open(), OTHER)).toBe(true);
  });

  test('a server that dies for good leaves a partial that the next visit completes', async () => {
    server.files.set('/m.gguf', { bytes: FILE, slow: { bytes: 1 << 18, pause: 5 } });
    let seen = 0;
    const reading = (async () => {
      for await (const { length } of open().pieces()) {
        seen += length;
        if (seen > 3 * MB) await server.stop();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'model/unreachable' });
    expect((await models())[0]).toMatchObject({ complete: false });
    await expect(collect(open())).rejects.toMatchObject({ code: 'model/unreachable' });
    await server.start();
    const source = open();
    expect(await isFile(source)).toBe(true);
    expect(source.received).toBeLessThan(FILE.length);
  });

  test('a file that no longer is as long', async () => {
    server.files.set('/m.gguf', { bytes: FILE, slow: { bytes: 1 << 18, pause: 10 } });
    await until(open(), 3 * MB);
    const shorter = fileOf(5, 2 * MB);
    server.files.set('/m.gguf', { bytes: shorter });
    expect(await isFile(open(), shorter)).toBe(true);
  });
});

describe('integrity', () => {
  const digest = (file: Uint8Array): string => createHash('sha256').update(file).digest('hex');
  test('what it demands is kept, anything else is not', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    expect(await isFile(open('/m.gguf', { sha256: digest(FILE) }))).toBe(true);
    server.log.length = 0;
    expect(await isFile(open('/m.gguf', { sha256: digest(FILE) }))).toBe(true);
    expect(server.sent('/m.gguf')).toBe(0);
    await expect(collect(open('/m.gguf', { sha256: digest(OTHER) }))).rejects.toMatchObject({
      code: 'model/corrupt',
      details: { found: digest(FILE), wanted: digest(OTHER) },
    });
    expect(device.names()).toEqual([]);
  });

  test('a file kept without it is checked once, without a network', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    await collect(open());
    await server.stop();
    expect(await isFile(open('/m.gguf', { sha256: digest(FILE) }))).toBe(true);
    expect(device.text('.json')).toContain(digest(FILE));
    await server.start();
  });

  test.each([
    ['no file system', () => vi.stubGlobal('navigator', {})],
    ['no room at once', () => Object.assign(device, { room: 4 * MB })],
    ['no room on the way', () => Object.assign(device, { room: 4 * MB, reported: 2 ** 40 })],
  ])('holds for what cannot be kept: %s', async (_, refuse) => {
    refuse();
    server.files.set('/m.gguf', { bytes: FILE });
    expect(await isFile(open('/m.gguf', { sha256: digest(FILE) }))).toBe(true);
    await expect(collect(open('/m.gguf', { sha256: digest(OTHER) }))).rejects.toMatchObject({
      code: 'model/corrupt',
    });
  });

  test('a new demand replaces what is kept', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    await collect(open('/m.gguf', { sha256: digest(FILE) }));
    server.files.set('/m.gguf', { bytes: OTHER });
    expect(await isFile(open('/m.gguf', { sha256: digest(OTHER) }), OTHER)).toBe(true);
  });
});

describe('where it cannot be kept it is streamed, with a warning', () => {
  test('no file system', async () => {
    vi.stubGlobal('navigator', {});
    server.files.set('/m.gguf', { bytes: FILE });
    const source = open();
    expect(await isFile(source)).toBe(true);
    expect(source.warnings).toEqual([expect.stringMatching(/is not kept.*keeps no files here/)]);
    expect(source.isKept).toBe(false);
    expect(await models()).toEqual([]);
    await deleteModel(`${server.address}/m.gguf`);
  });

  test.each([
    ['known before', undefined],
    ['found out on the way', 2 ** 40],
  ])('no room, %s', async (_, reported) => {
    device.room = 4 * MB;
    device.reported = reported;
    server.files.set('/m.gguf', { bytes: FILE });
    const source = open();
    expect(await isFile(source)).toBe(true);
    expect(source.warnings).toEqual([expect.stringMatching(/is not kept.*(no room|refused to store)/)]);
    expect(device.names()).toEqual([]);
  });
});

test('a disk that fills up at the last moment costs no bytes, and takes nothing away', async () => {
  server.files.set('/m.gguf', { bytes: FILE });
  await collect(open());
  await server.stop();
  device.room = 0;
  const source = open('/m.gguf', { sha256: createHash('sha256').update(FILE).digest('hex') });
  expect(await isFile(source)).toBe(true);
  expect(source.warnings).toEqual([expect.stringMatching(/is not kept.*refused to store/)]);
  expect(await kept()).toEqual(WHOLE);
  await server.start();
});

describe('what the server has since', () => {
  test('is told, here and at the next visit, and read after deleteModel', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    await collect(open());
    server.files.set('/m.gguf', { bytes: OTHER });
    const source = open();
    expect(await isFile(source)).toBe(true);
    await expect.poll(() => source.warnings).toEqual([expect.stringContaining('has changed since')]);
    await expect.poll(async () => (await models())[0]?.changed).toBe(true);
    await server.stop();
    const offline = open();
    expect(await isFile(offline)).toBe(true);
    expect(offline.warnings).toEqual([expect.stringContaining('has changed since')]);
    await server.start();
    await deleteModel(`${server.address}/m.gguf`);
    expect(await isFile(open(), OTHER)).toBe(true);
    expect((await models())[0]).toMatchObject({ changed: false });
  });

  test('is not asked for where there is no network', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    await collect(open());
    device.navigator.onLine = false;
    server.log.length = 0;
    await collect(open());
    expect(server.log).toEqual([]);
  });
});

describe('deleteModel', () => {
  test('frees what is kept, whole or not', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    server.files.set('/100%.gguf', { bytes: FILE });
    await collect(open());
    await collect(open('/100%.gguf'));
    expect((await models()).map(({ name }) => name)).toEqual(['m.gguf', '100%.gguf']);
    for (const name of ['m', '100%']) await deleteModel(`${server.address}/${name}.gguf`);
    expect(device.names()).toEqual([]);
    await until(open(), MB);
    expect(await models()).toHaveLength(1);
    await deleteModel(`${server.address}/m.gguf`);
    expect(device.names()).toEqual([]);
    await deleteModel(`${server.address}/never.gguf`);
  });

  test('waits for nobody: a model that is being loaded is busy', async () => {
    server.files.set('/m.gguf', { bytes: FILE });
    for (let visit = 0; visit < 2; visit++) {
      for await (const _ of open().pieces()) {
        await expect(deleteModel(`${server.address}/m.gguf`)).rejects.toMatchObject({ code: 'input/busy' });
      }
    }
    await deleteModel(`${server.address}/m.gguf`);
    expect(await models()).toEqual([]);
  });
});
