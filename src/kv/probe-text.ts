import { throwIfAborted } from '../errors.js';
import type { Store } from '../stores/store.js';
import { EVICTED } from './evictor.js';
import { decodeKeyList } from './key-list.js';
import { decodeMade, inWords, MADE, type MadeOtherwise, madeOtherwise } from './made.js';
import { checkHead, readHeads } from './read-heads.js';
import { decodeHead } from './records.js';
import { type Provenance, segmentKeys } from './segments.js';
import { HEADS, headKey, PAGES, pagesKey } from './stored-run.js';
import { readUses, scopeKey } from './uses.js';

/** How much of a text is stored, and why not more. */
export interface TextProbe {
  /** Tokens of the text, with those that the chat template puts in front of it. */
  readonly tokens: number;
  /** Leading tokens whose pages would be attached, in whole segments (256 tokens); the others would be read. */
  readonly restorableTokens: number;
  /**
   * Why not more. `end`: nothing, all whole segments are there. `unread`: nothing is known to have been read beyond them.
   * `evicted`: it was stored, and gave way to other texts. `damaged`: what is stored is not what was written; it is
   * computed again. `lost`: later segments are there, but not the next: there was no room when it was read, or the store lost
   * it. `made`: it was read with another model, page format, attention method or build: see `made`. `tokens`:
   * a text that begins alike was read, but its tokens differ from `differsAt` on. `unshared`: the attention method lets
   * pages depend on what follows, so none are found by content.
   */
  readonly cause: 'end' | 'unread' | 'evicted' | 'damaged' | 'lost' | 'made' | 'tokens' | 'unshared';
  /** The same in words; absent at the `end`. */
  readonly reason?: string;
  /** What differs in what it was made with: what was found, and what it would be made with now. */
  readonly made?: readonly MadeOtherwise[];
  /** The first token that differs. */
  readonly differsAt?: number;
}

export interface ProbeTextOptions {
  /** Everything that keys depend on beside the tokens. */
  readonly scope: string;
  readonly made: Provenance | undefined;
  readonly segmentTokens: number;
  readonly groups: number;
}

export interface ProbeHow {
  /** Tokens that stand in front of every text: who has no more in common with another has nothing. Default 0. */
  readonly lead?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Other texts looked at, those that were used last. */
const MOST_TEXTS = 256;
const TEXTS_AT_ONCE = 16;

/**
 * Looks for what attaching `ids` would find, and for why it would find no more. Reads heads, no pages, so of damaged pages
 * it sees those that are gone. Takes no lease and counts as no use. Rejects as the store does, and with `AbortError`.
 */
export const probeText = async (
  ids: ArrayLike<number>,
  store: Store,
  { scope, made, segmentTokens, groups }: ProbeTextOptions,
  { lead = 0, signal }: ProbeHow = {},
): Promise<TextProbe> => {
  throwIfAborted(signal);
  const keys = segmentKeys(scope, ids, segmentTokens);
  const records = new Set(await store.list(PAGES));
  const hasPages = (key: string): boolean =>
    Array.from({ length: groups }, (_, group) => pagesKey(key, group)).every((one) => records.has(one));

  let there = 0;
  const found = (rest: Omit<TextProbe, 'tokens' | 'restorableTokens'>): TextProbe => ({
    tokens: ids.length,
    restorableTokens: there * segmentTokens,
    ...rest,
  });
  const damaged = (fault: string): TextProbe =>
    found({ cause: 'damaged', reason: `What is stored of its next segment is damaged: ${fault}.` });

  for await (const bytes of readHeads(store, keys, 0)) {
    throwIfAborted(signal);
    const checked = checkHead(bytes, there, ids, segmentTokens);
    if (!('head' in checked)) {
      if (checked.reason === 'missing') break;
      return damaged(checked.fault ?? 'it holds other tokens');
    }
    if (!hasPages(keys[there]!)) return damaged('pages are missing');
    there += 1;
  }
  if (there === keys.length) return found({ cause: 'end' });

  // Texts lose their ends first, so a gap is none that eviction leaves.
  const heads = new Set(await store.list(HEADS));
  if (keys.slice(there + 1).some((key) => heads.has(headKey(key)))) {
    const reason =
      'Its next segment is not there, though later ones are: there was no room for it, or it was lost.';
    return found({ cause: 'lost', reason });
  }

  // A key stands for all tokens before it too, so a later one says the same of this one.
  const evicted = new Set(decodeKeyList(await store.get(EVICTED))?.entries.map(({ key }) => key));
  if (keys.slice(there).some((key) => evicted.has(key))) {
    return found({ cause: 'evicted', reason: 'Its next segment was evicted to make room for other texts.' });
  }

  const otherwise = made && (await readOtherwise(store, heads, ids, scope, segmentTokens));
  throwIfAborted(signal);
  if (otherwise && otherwise.segments > there) {
    const others = madeOtherwise(otherwise.made, made);
    const count = otherwise.segments * segmentTokens;
    const reason = `${count} of its tokens were read with another ${inWords(others)}.`;
    return found({ cause: 'made', reason, made: others });
  }

  const from = there * segmentTokens;
  const differsAt = await readDifference(store, ids, keys, there, scope, signal);
  if (differsAt !== undefined && differsAt > lead) {
    const reason = `Of a text that begins alike, the tokens from ${differsAt} on are others.`;
    return found({ cause: 'tokens', reason, differsAt });
  }
  const reason = from === 0 ? 'Nothing of it was read here.' : `It was read up to token ${from} only.`;
  return found({ cause: 'unread', reason });
};

/** What the most of these tokens were read with beside `scope`, and how many whole segments of them. */
const readOtherwise = async (
  store: Store,
  heads: ReadonlySet<string>,
  ids: ArrayLike<number>,
  scope: string,
  segmentTokens: number,
): Promise<{ readonly segments: number; readonly made: Provenance } | undefined> => {
  let most: { segments: number; made: Provenance } | undefined;
  for (const bytes of await store.getMany(await store.list(MADE))) {
    const known = decodeMade(bytes);
    if (!known || known.scope === scope) continue;
    const keys = segmentKeys(known.scope, ids, segmentTokens);
    const gap = keys.findIndex((key) => !heads.has(headKey(key)));
    const segments = gap < 0 ? keys.length : gap;
    if (segments > (most?.segments ?? 0)) most = { segments, made: known.made };
  }
  return most;
};

/** Where the stored text that has the most in common with these tokens, beyond segment `there`, differs from them. */
const readDifference = async (
  store: Store,
  ids: ArrayLike<number>,
  keys: readonly string[],
  there: number,
  scope: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> => {
  const ours = scopeKey(scope);
  const texts = [...(await readUses(store)).texts.values()]
    .filter((text) => text.scope === ours && text.entries.length > there)
    .filter(({ entries }) => there === 0 || entries[there - 1]!.key === keys[there - 1])
    .sort((a, b) => b.order - a.order);
  const next = [...new Set(texts.map(({ entries }) => entries[there]!.key))].slice(0, MOST_TEXTS);
  let most: number | undefined;
  for (let at = 0; at < next.length; at += TEXTS_AT_ONCE) {
    throwIfAborted(signal);
    for (const bytes of await store.getMany(next.slice(at, at + TEXTS_AT_ONCE).map(headKey))) {
      const head = bytes && decodeHead(bytes).found;
      if (!head) continue;
      const start = there * head.tokens.length;
      const same = head.tokens.findIndex((id, n) => id !== ids[start + n]);
      if (same > 0 || (same === 0 && there > 0)) most = Math.max(most ?? 0, start + same);
    }
  }
  return most;
};
