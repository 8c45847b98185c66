import { symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRange, serve } from '../../../examples/serve.mjs';

const examples = join(import.meta.dirname, '../../../examples');

let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  server = await serve();
});
afterAll(() => server.close());

/** Sends a request line as it is: `fetch` would tidy the path first. Returns the status. */
const raw = (target: string, method = 'GET'): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.address).port), '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])));
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  });

describe('files', () => {
  test('come with their type, isolated and under a policy', async () => {
    const response = await fetch(`${server.address}examples/serve.mjs`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(response.headers.get('content-security-policy')).toContain(
      "script-src 'self' 'wasm-unsafe-eval';",
    );
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('wasm has the type that streaming compilation asks for', async () => {
    const response = await fetch(`${server.address}dist/kernels.wasm`, { method: 'HEAD' });
    expect(response.headers.get('content-type')).toBe('application/wasm');
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
  });

  test('an entity tag spares a second download', async () => {
    const first = await fetch(`${server.address}examples/books/sherlock.txt`);
    const headers = { 'if-none-match': first.headers.get('etag') ?? '' };
    await first.arrayBuffer();
    expect((await fetch(first.url, { headers })).status).toBe(304);
  });

  test('a folder without its slash is redirected to it', async () => {
    const response = await fetch(`${server.address}examples`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, '/examples/']);
  });

  test('nothing is written', async () => {
    expect(await raw('/examples/', 'POST')).toBe(405);
  });
});

describe('ranges', () => {
  const book = () => `${server.address}examples/books/sherlock.txt`;

  test('return exactly the bytes asked for', async () => {
    const whole = new Uint8Array(await (await fetch(book())).arrayBuffer());
    const cases: [string, number, number][] = [
      ['bytes=0-0', 0, 1],
      ['bytes=17-1040', 17, 1041],
      [`bytes=${whole.length - 5}-`, whole.length - 5, whole.length],
      ['bytes=-7', whole.length - 7, whole.length],
      [`bytes=10-${whole.length + 99}`, 10, whole.length],
    ];
    for (const [range, start, end] of cases) {
      const response = await fetch(book(), { headers: { range } });
      expect(response.status, range).toBe(206);
      expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${whole.length}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      // Not element by element, which takes so long that the connection is closed meanwhile.
      expect(bytes.equals(whole.subarray(start, end)), range).toBe(true);
    }
  });

  test('outside the file are refused with its size', async () => {
    const response = await fetch(book(), { headers: { range: 'bytes=99999999-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toMatch(/^bytes \*\/\d+$/);
  });

  test('of a file that has changed give the whole', async () => {
    const response = await fetch(book(), { headers: { range: 'bytes=0-9', 'if-range': '"older"' } });
    expect(response.status).toBe(200);
    await response.arrayBuffer();
  });

  test.each([
    [undefined, 'whole'],
    ['bytes=5-2', 'whole'],
    ['bytes=0-1,3-4', 'whole'],
    ['lines=0-1', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=-0', 'outside'],
    ['bytes=10-', 'outside'],
    ['bytes=-20', { first: 0, last: 9 }],
  ])('parse %s of 10 bytes', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });
});

describe('traversal', () => {
  test.each([
    '/package.json',
    '/../package.json',
    '/examples/../package.json',
    '/examples/%2e%2e/package.json',
    '/examples/..%2fpackage.json',
    '/examples/..%5cpackage.json',
    '/examples/%2e%2e%2f%2e%2e%2fetc/passwd',
    '//etc/passwd',
    '/examples//etc/passwd',
    '/examples/books/sherlock.txt%00.html',
    '/examples/%',
    '/src/errors.ts',
    '/node_modules/vitest/package.json',
    '/.git/config',
    'http://localhost/package.json',
  ])('%s is not found', async (target) => {
    expect(await raw(target)).toBe(404);
  });

  test('a link that leads out is not followed', async () => {
    const name = `link-for-a-test-${process.pid}.txt`;
    symlinkSync(join(examples, '../package.json'), join(examples, name));
    try {
      expect(await raw(`/examples/${name}`)).toBe(404);
    } finally {
      unlinkSync(join(examples, name));
    }
  });

  test('hidden files are not served', async () => {
    const name = `.hidden-for-a-test-${process.pid}.txt`;
    writeFileSync(join(examples, name), 'secret');
    try {
      expect(await raw(`/examples/${name}`)).toBe(404);
    } finally {
      unlinkSync(join(examples, name));
    }
  });
});

describe('ports', () => {
  test('a taken port is an error, or the next is tried', async () => {
    const port = Number(new URL(server.address).port);
    await expect(serve({ port })).rejects.toThrow('EADDRINUSE');
    const next = await serve({ port, tries: 50 });
    expect(Number(new URL(next.address).port)).toBeGreaterThan(port);
    await next.close();
  });
});
