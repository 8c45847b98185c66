import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Folders of the repository that the pages of the bench may read. */
const SERVED = /^\/(dist|build\/bench|bench\/(build|node_modules)|examples\/(books|models))\/[\w@./-]+$/;

/** The repository's files on this machine only, for cross-origin isolated pages; `/` is an empty page. */
export const serve = async (): Promise<{ address: string; close(): void }> => {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0]!;
    const headers = {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    };
    if (path === '/') {
      response
        .writeHead(200, { ...headers, 'content-type': 'text/html' })
        .end('<!doctype html><title>Bench</title>');
      return;
    }
    const found =
      SERVED.test(path) && !path.includes('..') ? statSync(`.${path}`, { throwIfNoEntry: false }) : undefined;
    if (!found?.isFile()) {
      response.writeHead(404, headers).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]), found.size - 1) : found.size - 1;
    response.writeHead(range ? 206 : 200, {
      ...headers,
      'accept-ranges': 'bytes',
      'content-length': end - start + 1,
      ...(range && { 'content-range': `bytes ${start}-${end}/${found.size}` }),
    });
    createReadStream(`.${path}`, { start, end }).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://localhost:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
