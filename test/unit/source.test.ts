import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import type { Source } from '../../src/weights/source.js';
import { startModelServer } from '../support/model-server.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';

const { below } = random(8);
/** Longer than one piece of any source, and of no round length. */
const BYTES = Uint8Array.from({ length: (9 << 20) + 12_345 }, () => below(256));

const collect = async (
  source: Source,
  signal?: AbortSignal,
): Promise<{ bytes: Uint8Array; pieces: number }> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of source.pieces(signal)) pieces.push(piece.slice());
  return { bytes: new Uint8Array(Buffer.concat(pieces)), pieces: pieces.length };
};
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

let folder: string;
let server: Server;
let base: string;
const cut: ServerResponse[] = [];

const answers: Record<string, (response: ServerResponse) => void> = {
  '/whole': (response) => response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES),
  '/unsized': (response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    for (let at = 0; at < BYTES.length; at += 1 << 20) response.write(BYTES.subarray(at, at + (1 << 20)));
    response.end();
  },
  '/gzip': (response) => {
    const packed = gzipSync(BYTES, { level: 1 });
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
  },
  '/broken': (response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
  },
  '/html': (response) =>
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html>'),
  '/empty': (response) => response.writeHead(204).end(),
  '/slow': (response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 1000));
    cut.push(response);
  },
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'source-'));
  server = createServer((request, response) => {
    const answer = answers[request.url!];
    if (answer) answer(response);
    else response.writeHead(404, 'Not Found').end('nothing here');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

describe('bytes', () => {
  test('arrive in order, uncopied, whatever they are wrapped in', async () => {
    const wrapped = new Uint8Array(BYTES.length + 3);
    wrapped.set(BYTES, 3);
    for (const input of [BYTES, BYTES.buffer, wrapped.subarray(3)]) {
      const source = openSource(input);
      expect(source.size).toBe(BYTES.length);
      expect(same((await collect(source)).bytes, BYTES)).toBe(true);
      const { value } = await source.pieces().next();
      expect(value!.buffer).toBe(ArrayBuffer.isView(input) ? input.buffer : input);
    }
  });

  test('none are no piece', async () => {
    expect(await collect(openSource(new Uint8Array(0)))).toEqual({ bytes: new Uint8Array(0), pieces: 0 });
  });

  test('an abort is heard between pieces', async () => {
    const abort = new AbortController();
    const reading = collect(openSource(BYTES), abort.signal);
    setTimeout(() => abort.abort());
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a Blob', () => {
  test('is read in slices, never whole', async () => {
    const blob = new Blob([BYTES]);
    blob.arrayBuffer = () => Promise.reject(new Error('copied whole'));
    const source = openSource(blob);
    expect(source.size).toBe(BYTES.length);
    const { bytes, pieces } = await collect(source);
    expect(same(bytes, BYTES)).toBe(true);
    expect(pieces).toBe(3);
  });

  test('that went away says where', async () => {
    const blob = new Blob([BYTES]);
    const slice = blob.slice.bind(blob);
    blob.slice = (start, end) => {
      const part = slice(start, end);
      if (start! > 0) part.arrayBuffer = () => Promise.reject(new Error('The file is gone'));
      return part;
    };
    await expect(collect(openSource(blob))).rejects.toMatchObject({
      code: 'model/unreachable',
      message: expect.stringContaining('The file is gone'),
      details: { offset: 4 << 20 },
    });
  });
});

describe('a path', () => {
  test('is read in order, as a path and as a file URL', async () => {
    const path = join(folder, 'a name with spaces.bin');
    await writeFile(path, BYTES);
    for (const input of [path, pathToFileURL(path), pathToFileURL(path).href]) {
      const source = openSource(input);
      expect(same((await collect(source)).bytes, BYTES)).toBe(true);
      expect(source.size).toBe(BYTES.length);
    }
  });

  test('that is not there, or a folder, is unreachable', async () => {
    for (const path of [join(folder, 'gone.gguf'), folder]) {
      await expect(collect(openSource(path))).rejects.toMatchObject({
        code: 'model/unreachable',
        message: expect.stringContaining(path),
      });
    }
  });
});

describe('a URL', () => {
  test.each(['/whole', '/unsized', '/gzip'])('%s arrives', async (path) => {
    const source = openSource(new URL(base + path));
    expect(source.size).toBeUndefined();
    expect(same((await collect(source)).bytes, BYTES)).toBe(true);
    expect(source.size).toBe(BYTES.length);
  });

  test('the size is known with the first piece, where it is announced', async () => {
    const source = openSource(`${base}/whole`);
    for await (const _ of source.pieces()) break;
    expect(source.size).toBe(BYTES.length);
    const packed = openSource(`${base}/gzip`);
    for await (const _ of packed.pieces()) break;
    expect(packed.size).toBeUndefined();
  });

  test.each([
    ['/gone', 404, 0, /404 Not Found/],
    ['/html', 200, 0, /HTML page/],
    ['/empty', 204, 0, /204 with nothing/],
    ['/broken', 200, 100_000, /status 200.*at byte 100000/],
  ])('%s is unreachable', async (path, status, offset, words) => {
    await expect(collect(openSource(base + path))).rejects.toMatchObject({
      code: 'model/unreachable',
      message: expect.stringMatching(words),
      details: { url: base + path, status, offset },
    });
  });

  test('an answer shorter than announced, from a fetch that does not notice', async () => {
    const short = () =>
      new Response(new Blob([BYTES.slice(0, 77)]).stream(), { headers: { 'content-length': '100' } });
    await expect(collect(openSource(`${base}/whole`, { fetch: async () => short() }))).rejects.toMatchObject({
      code: 'model/unreachable',
      message: expect.stringMatching(/status 200.*byte 77 of 100/),
    });
  });

  test('the length of an answer from another origin, which may be encoded, is not believed', async () => {
    const foreign = () => {
      const body = new Blob([BYTES.slice(0, 200)]).stream();
      const response = new Response(body, { headers: { 'content-length': '100' } });
      return Object.defineProperty(response, 'type', { value: 'cors' });
    };
    const source = openSource('https://elsewhere.example/model', { fetch: async () => foreign() });
    for await (const _ of source.pieces()) break;
    expect(source.size).toBeUndefined();
    expect((await collect(source)).bytes).toEqual(BYTES.slice(0, 200));
  });

  test('nobody answers', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => void closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    await expect(collect(openSource(`http://127.0.0.1:${port}/model`))).rejects.toMatchObject({
      code: 'model/unreachable',
      message: expect.stringMatching(/no answer came/),
    });
  });

  test('an answer that breaks off is gone on with, where the server tells the version', async () => {
    const faulty = await startModelServer();
    for (const ranges of [true, false]) {
      faulty.files.set('/model', { bytes: BYTES, ranges, breakAfter: 2 << 20 });
      const source = openSource(`${faulty.address}/model`, { delays: [5, 10] });
      expect(same((await collect(source)).bytes, BYTES)).toBe(true);
      expect(faulty.log.map(({ status }) => status)).toEqual(ranges ? [200, 206] : [200, 200]);
      faulty.log.length = 0;
    }
    const served = { bytes: BYTES, breakAfter: 2 << 20, etag: '"one"' };
    faulty.files.set('/model', served);
    const mixed = (async () => {
      for await (const _ of openSource(`${faulty.address}/model`, { delays: [5] }).pieces())
        served.etag = '"two"';
    })();
    await expect(mixed).rejects.toMatchObject({
      code: 'model/unreachable',
      message: expect.stringContaining('has changed on the server'),
    });
    await faulty.stop();
  });

  test('an abort ends the download, with the reason given', async () => {
    const abort = new AbortController();
    const reading = collect(openSource(`${base}/slow`), abort.signal);
    setTimeout(() => abort.abort(), 50);
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    const early = AbortSignal.abort(new Error('not today'));
    await expect(collect(openSource(`${base}/whole`), early)).rejects.toThrow('not today');
  });

  test('leaving the loop closes the connection', async () => {
    for await (const _ of openSource(`${base}/slow`).pieces()) break;
    const response = cut.at(-1)!;
    if (!response.destroyed) await new Promise((resolve) => response.on('close', resolve));
    expect(response.writableFinished).toBe(false);
  });

  test('a model arrives through it', async () => {
    const file = randomModel({ architecture: 'llama', type: 'Q4_0', tokenizer: 'spm', seed: 1 });
    answers['/model'] = (response) => response.writeHead(200, { 'content-length': file.length }).end(file);
    let bytes = 0;
    for await (const piece of (await openGguf(openSource(`${base}/model`))).rows())
      bytes += piece.bytes.length;
    const { tensors } = await openGguf(openSource(file));
    expect(bytes).toBe([...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0));
  });
});

test('anything else is refused', () => {
  for (const input of [null, 7, {}, []]) {
    expect(() => openSource(input as never)).toThrow(expect.objectContaining({ code: 'input/type' }));
  }
});
