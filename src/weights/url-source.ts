import { type LonghandError, throwIfAborted } from '../errors.js';
import type { Source } from './source.js';
import { reason, unreachable } from './unreachable.js';

/** What is wrong with an answer as a whole, if anything. */
const refusal = (response: Response): string | undefined => {
  if (!response.ok) return `the server answered ${response.status} ${response.statusText}`.trimEnd();
  if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) {
    return `the server answered ${response.status} with an HTML page, not a model`;
  }
  return response.body ? undefined : `the server answered ${response.status} with nothing`;
};

/**
 * Bytes a body must have, if that can be told. An encoded body's content-length counts other bytes than those that
 * arrive here, and another origin's answer shows its length but hides its encoding.
 */
const announced = ({ headers, type }: Response): number | undefined => {
  const length = headers.get('content-length');
  const encoding = headers.get('content-encoding') ?? (type === 'cors' ? 'unknown' : 'identity');
  return length !== null && /^\d+$/.test(length) && encoding === 'identity' ? Number(length) : undefined;
};

/** The body of one GET, streamed. */
export const fromUrl = (url: string, fetch: typeof globalThis.fetch): Source => {
  let size: number | undefined;
  return {
    label: url,
    get size() {
      return size;
    },
    async *pieces(signal) {
      throwIfAborted(signal);
      let at = 0;
      let status = 0;
      const advice = 'Check the address and the network, then load again.';
      const fail = (what: string, cause?: unknown): LonghandError =>
        unreachable(url, what, advice, { url, status, offset: at }, cause);
      let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
      const next = async () => {
        try {
          return await reader!.read();
        } catch (cause) {
          throwIfAborted(signal);
          throw fail(`the answer (status ${status}) broke off at byte ${at}: ${reason(cause)}`, cause);
        }
      };
      try {
        const response = await fetch(url, signal ? { signal } : {}).catch((cause: unknown) => {
          throwIfAborted(signal);
          throw fail(`no answer came: ${reason(cause)}`, cause);
        });
        status = response.status;
        const refused = refusal(response);
        reader = response.body?.getReader();
        if (refused !== undefined) throw fail(refused);
        size = announced(response);
        for (let step = await next(); !step.done; step = await next()) {
          throwIfAborted(signal);
          at += step.value.length;
          if (step.value.length > 0) yield step.value;
        }
        if (size !== undefined && at < size) {
          throw fail(`the answer (status ${status}) ended at byte ${at} of ${size}`);
        }
        size = at;
      } finally {
        // Ends the download where the loop was left early; after the end it does nothing.
        await reader?.cancel().catch(() => undefined);
      }
    },
  };
};
