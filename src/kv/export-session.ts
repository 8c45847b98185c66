import { PAGE } from '../backends/backend.js';
import { throwIfAborted } from '../errors.js';
import type { Store } from '../stores/store.js';
import { checkRun, type RunLayout, type RunPlace } from './check-run.js';
import { encodeManifest, type Manifest } from './manifest.js';
import { createFileCipher } from './secret-file.js';
import { encodeTable, markOf, type PartMark } from './session-file.js';
import { runKey } from './session-keys.js';
import { headKey, pagesKey } from './stored-run.js';

/** A session in one file. */
export interface ExportedSession {
  readonly file: Blob;
  readonly tokens: number;
  /** Leading tokens whose pages are in the file; the others must be read again where it is imported. */
  readonly restorableTokens: number;
  /** Why not all of them, in words. */
  readonly reason?: string;
}

export interface TransferHooks {
  /** What the file is, or is to be, encrypted with. */
  readonly encryption?: CryptoKey | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Tokens whose pages were written or read, and all of them. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What exporting takes from the archive. */
export interface ExportOptions extends RunLayout {
  readonly fingerprint: string;
  /** Keys of the whole segments of these tokens. */
  readonly segments: (tokens: ArrayLike<number>) => readonly string[];
}

interface RunAtRest extends RunPlace {
  /** Head first. */
  readonly keys: readonly string[];
}

/** Everything a session rests on, in order. */
const runsOf = (manifest: Manifest, { groups, segments }: ExportOptions): RunAtRest[] => {
  const { tokens, canonical, segmentTokens, tail } = manifest;
  const shared = segments(tokens.subarray(0, canonical)).map((key) => ({
    length: segmentTokens,
    keys: [headKey(key), ...groups.map((_, group) => pagesKey(key, group))],
  }));
  const own = tail.map(({ name, tokens: length }) => ({
    length,
    keys: [runKey(name), ...groups.map((_, group) => runKey(name, group))],
  }));
  let at = 0;
  return [...shared, ...own].map(({ length, keys }) => {
    const from = at;
    at += length;
    return { firstPage: from / PAGE, tokens: tokens.subarray(from, at), keys };
  });
};

/**
 * Puts a session into one file, run by run: what is read of one is handed to the platform before the next, so memory
 * does not grow with the text. Pages beyond the first run that is not whole stay behind. Rejects with `AbortError`, and as
 * the store does.
 */
export const exportSession = async (
  manifest: Manifest,
  store: Store,
  options: ExportOptions,
  { signal, onProgress, encryption }: TransferHooks,
): Promise<ExportedSession> => {
  const cipher = encryption && (await createFileCipher(encryption));
  const total = manifest.tokens.length;
  const isOurs = manifest.fingerprint === options.fingerprint;
  let reason = isOurs ? undefined : 'its pages were made with another model, method or build';
  const runs: PartMark[][] = [];
  const parts: Blob[] = [];
  let restorableTokens = 0;
  for (const run of isOurs ? runsOf(manifest, options) : []) {
    throwIfAborted(signal);
    const stored = await store.getMany(run.keys);
    const { fault } = checkRun(stored, run, options);
    if (fault !== undefined) {
      reason = `what is stored from token ${restorableTokens} on cannot be used: ${fault}`;
      break;
    }
    const whole = stored as Uint8Array<ArrayBuffer>[];
    // Encrypted before the platform has it, which may put it on the disk.
    parts.push(new Blob(cipher ? await Promise.all(whole.map(cipher.part)) : whole));
    runs.push(whole.map(markOf));
    restorableTokens += run.tokens.length;
    onProgress?.(restorableTokens, total);
  }
  throwIfAborted(signal);
  // Where it is imported, nothing of it is shared: whoever wrote the file is not known there.
  const own = encodeManifest({ ...manifest, canonical: 0, sharing: false, tail: [] });
  const table = encodeTable({ manifest: markOf(own), runs });
  const front = cipher ? await cipher.front(Uint8Array.from([...table, ...own])) : [table, own];
  reason ??= restorableTokens < total ? 'they were not stored' : undefined;
  return {
    file: new Blob([...front, ...parts], { type: 'application/octet-stream' }),
    tokens: total,
    restorableTokens,
    ...(reason !== undefined && { reason }),
  };
};
