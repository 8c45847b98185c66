import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseRange } from '../../examples/serve.mjs';

/** How a server treats a file. Plain data, so that a test changes it while a download runs. */
export interface ServedFile {
  bytes: Uint8Array;
  /** Heeds ranges. Default true. */
  ranges?: boolean;
  /** Sent as ETag; null: none. Default: made from the content. */
  etag?: string | null;
  /** Ends the connection after so many body bytes of the file, counted over all answers, once. */
  breakAfter?: number;
  /** Sends the body in pieces of so many bytes with a pause of so many milliseconds. */
  slow?: { bytes: number; pause: number };
  /** Answers instead of the file. */
  instead?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Says another length than the body has. */
  length?: number | null;
  /** Headers in every answer. */
  headers?: Record<string, string>;
}

export interface Asked {
  readonly path: string;
  readonly method: string;
  readonly range: string | undefined;
  status: number;
  /** Body bytes that were handed to the connection. */
  sent: number;
}

export interface ModelServer {
  readonly address: string;
  readonly files: Map<string, ServedFile>;
  /** Every request, in order. */
  readonly log: Asked[];
  /** Body bytes sent for a path, over all requests. */
  sent(path: string): number;
  /** No new connections, and the old ones cut. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const cors = {
  'access-control-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
};

/** A server of model files that fails as it is told to. */
export const startModelServer = async (): Promise<ModelServer> => {
  const files = new Map<string, ServedFile>();
  const log: Asked[] = [];

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').split('?')[0]!;
    const asked: Asked = { path, method: request.method!, range: request.headers.range, status: 0, sent: 0 };
    log.push(asked);
    const file = files.get(path);
    if (!file) {
      asked.status = 404;
      response.writeHead(404, cors).end('nothing here');
      return;
    }
    if (file.instead?.(request, response)) {
      asked.status = response.statusCode;
      return;
    }
    const { bytes } = file;
    const etag = file.etag === undefined ? `"${createHash('md5').update(bytes).digest('hex')}"` : file.etag;
    const headers: Record<string, string> = {
      ...cors,
      'content-type': 'application/octet-stream',
      ...(file.ranges !== false && { 'accept-ranges': 'bytes' }),
      ...(etag !== null && { etag }),
      ...file.headers,
    };
    const range = file.ranges === false ? 'whole' : parseRange(request.headers.range, bytes.length);
    if (range === 'outside') {
      asked.status = 416;
      response.writeHead(416, { ...headers, 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const { first, last } = range === 'whole' ? { first: 0, last: bytes.length - 1 } : range;
    asked.status = range === 'whole' ? 200 : 206;
    const length = file.length === undefined ? last - first + 1 : file.length;
    response.writeHead(asked.status, {
      ...headers,
      ...(length !== null && { 'content-length': String(length) }),
      ...(range !== 'whole' && { 'content-range': `bytes ${first}-${last}/${bytes.length}` }),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const step = file.slow?.bytes ?? 1 << 18;
    for (let at = first; at <= last && !response.destroyed; at += step) {
      const piece = bytes.subarray(at, Math.min(at + step, last + 1));
      asked.sent += piece.length;
      const full = !response.write(piece);
      if (file.breakAfter !== undefined && sent(path) >= file.breakAfter) {
        delete file.breakAfter;
        setTimeout(() => response.destroy(), 20);
        return;
      }
      if (full && !response.destroyed) {
        await new Promise<void>((resolve) => {
          const go = (): void => {
            response.off('drain', go).off('close', go);
            resolve();
          };
          response.on('drain', go).on('close', go);
        });
      }
      if (file.slow) await new Promise((resolve) => setTimeout(resolve, file.slow!.pause));
    }
    response.end();
  };
  const sent = (path: string): number =>
    log.filter((one) => one.path === path).reduce((sum, one) => sum + one.sent, 0);

  let server = createServer();
  let port = 0;
  const start = (): Promise<void> => {
    server = createServer(
      (request, response) => void answer(request, response).catch(() => response.destroy()),
    );
    return new Promise((resolve) => {
      server.listen(port, '127.0.0.1', () => {
        ({ port } = server.address() as AddressInfo);
        resolve();
      });
    });
  };
  await start();
  return {
    address: `http://127.0.0.1:${port}`,
    files,
    log,
    sent,
    start,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
