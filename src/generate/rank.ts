import { PAGE, type Range } from '../backends/backend.js';
import { LonghandError, throwIfAborted } from '../errors.js';
import type { ContextState } from '../model/state.js';
import type { TemplatePiece } from '../text/chat-template.js';
import { documentsPlan } from './documents-plan.js';
import { questionPieces } from './question.js';
import { checkRank, EMPTY, type RankSettings } from './rank-settings.js';
import type { AppendHooks, forward, Reader, stateOf, tooLong } from './reader.js';
import type { Watch } from './sources.js';
import { sumAttention } from './sum-attention.js';
import type { TurnEncoder } from './turn-encoder.js';

/** A document among those that were ranked. */
export interface Ranked {
  /** Its place in the list that was given. */
  readonly document: number;
  /** What it has of the attention that lay on documents, 0 to 1; of all of them together 1, or 0 where none lay on any. */
  readonly share: number;
}

/** What a ranking works with. */
export interface RankParts {
  readonly reader: Reader;
  readonly encode: TurnEncoder;
  /** From the end of a question to where the answer begins. */
  readonly closing: readonly TemplatePiece[];
  readonly forward: typeof forward;
  readonly stateOf: typeof stateOf;
  readonly tooLong: typeof tooLong;
}

/** Documents that were read, and what ranks them. */
export interface Ranking {
  rank(
    documents: readonly string[],
    query: string,
    settings: RankSettings,
    hooks: AppendHooks,
  ): Promise<Ranked[]>;
  release(): void;
}

/** What is on the device: the instruction first, each document from the first slot of a page on. */
interface Read {
  readonly state: ContextState;
  readonly reader: Reader;
  readonly tokens: number[];
  readonly instruction: Range;
  readonly places: Map<string, Range>;
}

const lengthOf = ([start, end]: Range): number => end - start;
const longestOf = (places: readonly Range[]): number => Math.max(...places.map(lengthOf));

/**
 * In-context ranking with documents that do not see each other (BlockRank, arXiv 2510.05396 §3): each reads the instruction
 * and itself, the question reads all of them, and what its rows look at is the ranking. Each document is turned as if it
 * stood right behind the instruction, and the question as if a fixed way behind the longest, so that keys and values of a
 * document depend on nothing but itself: they serve every order and every question, while the ranking is held.
 *
 * The paper trains the model for it, and looks at one layer and at the row before the answer; there all layers and rows count,
 * less what they look at when nothing is asked (in-context re-ranking, arXiv 2410.02642 §3.2), since the model is as it is.
 */
export const createRanking = (parts: RankParts): Ranking => {
  const { encode, closing } = parts;
  const { config, maxTokens } = parts.reader;
  const mask = documentsPlan();
  let held: Read | undefined;
  const release = (): void => {
    held?.state.release();
    held = undefined;
  };

  /** Reads ids from the next page on, turned from `turned` on, in calls of at most `rows` where one watches the last. */
  const read = async (
    { state, reader, tokens }: Read,
    ids: readonly number[],
    looksAt: readonly Range[],
    turned: number,
    { signal }: AppendHooks,
    last = { rows: 0, most: 1, watch: undefined as Watch | undefined },
  ): Promise<Range> => {
    while (tokens.length % PAGE !== 0) tokens.push(0);
    const start = tokens.length;
    const plain = Math.max(0, ids.length - last.rows);
    for (let from = 0; from < ids.length; ) {
      throwIfAborted(signal);
      const most = from < plain ? Math.min(plain - from, reader.arena.segmentTokens) : last.most;
      const some = ids.slice(from, from + most);
      const tiles = { position: start + from, rows: some.length, tileRows: PAGE };
      const watch = from < plain ? undefined : last.watch;
      await reader.exclusive(async () => {
        mask.read(looksAt, start);
        await parts.forward(reader, state, some, tiles, undefined, watch, turned + from);
      });
      from += some.length;
    }
    for (const id of ids) tokens.push(id);
    return [start, start + ids.length];
  };

  /** Layers that look back over a window read everything here: nothing stands further back (`checkRoom`). */
  const open = async (layers: number, hooks: AppendHooks): Promise<Read> => {
    const attention = config.attention.slice(0, layers).map(({ window: _, ...layer }) => layer);
    const own = { config: { ...config, layers, attention }, predictor: mask.predictor, retain: undefined };
    const reader: Reader = { ...parts.reader, ...own };
    const tokens: number[] = [];
    const ids = await encode('start', undefined, [], hooks.signal);
    const state = parts.stateOf(reader, tokens, undefined);
    held = { state, reader, tokens, instruction: [0, ids.length], places: new Map() };
    await read(held, ids, [], 0, hooks);
    return held;
  };

  const checkRoom = (instruction: number, documents: readonly number[], question: number): void => {
    const paged = [instruction, ...documents].map((tokens) => Math.ceil(tokens / PAGE) * PAGE);
    const all = paged.reduce((sum, tokens) => sum + tokens, question);
    if (all > maxTokens) throw parts.tooLong(all, maxTokens);
    const requested = instruction + Math.max(...documents) + question;
    const quota = Math.min(...config.attention.map(({ window }) => window ?? maxTokens));
    if (requested <= quota) return;
    const found = `One document and the question are ${requested} tokens; layers of this model look back over ${quota}.`;
    throw new LonghandError('input/too-long', `${found} Cut the documents into shorter ones.`, {
      requested,
      quota,
    });
  };

  /** What the last rows of a question look at, by token; on average over rows and layers, summed over heads. */
  const ask = async (
    now: Read,
    question: string,
    places: readonly Range[],
    settings: Required<RankSettings>,
    hooks: AppendHooks,
  ): Promise<Float64Array> => {
    const parted = [...questionPieces(question, 'user'), ...closing];
    const ids = await encode('user', undefined, parted, hooks.signal);
    const lengths = places.map(lengthOf);
    checkRoom(now.instruction[1], lengths, ids.length);
    const behind = now.instruction[1] + longestOf(places);
    const windows = config.attention.map(({ window = config.window }) => window);
    const spare = Math.max(0, Math.min(...windows) - behind - ids.length);
    const looksAt = [now.instruction, ...places.filter(lengthOf)].sort((a, b) => a[0] - b[0]);
    const sum = sumAttention(settings.layers);
    const before = now.tokens.length;
    const most = sum.mostRows(config.heads, before + PAGE + ids.length);
    const last = { rows: settings.rows, most, watch: sum.watch };
    try {
      await read(now, ids, looksAt, behind + Math.min(settings.distance, spare), hooks, last);
    } finally {
      now.tokens.length = before;
      now.state.cutTo(before);
    }
    return sum.mean();
  };

  const attempt = async (
    texts: readonly string[],
    query: string,
    settings: Required<RankSettings>,
    hooks: AppendHooks,
  ): Promise<Ranked[]> => {
    const [, to] = settings.layers;
    const names = namesOf(texts);
    const ids: number[][] = [];
    for (const text of texts)
      ids.push(await encode('user', undefined, [{ text, control: false }], hooks.signal));
    const missing = ids.filter((_, i) => !held?.places.has(names[i]!));
    const more = missing.reduce((sum, { length }) => sum + length + PAGE, 2 * PAGE);
    // Documents of earlier calls make room where they must.
    if (held && (held.reader.config.layers !== to || held.tokens.length + more > maxTokens)) release();
    const now = held ?? (await open(to, hooks));
    checkRoom(
      now.instruction[1],
      ids.map(({ length }) => length),
      PAGE,
    );
    const total = ids.reduce((sum, { length }) => sum + length, 0);
    let done = 0;
    for (const [i, name] of names.entries()) {
      if (!now.places.has(name))
        now.places.set(name, await read(now, ids[i]!, [now.instruction], now.instruction[1], hooks));
      done += ids[i]!.length;
      hooks.onProgress?.(done, total);
    }
    const places = names.map((name) => now.places.get(name)!);
    const looked = await ask(now, query, places, settings, hooks);
    const idle = settings.calibrate ? await ask(now, EMPTY, places, settings, hooks) : undefined;
    return ranked(places, (t) => Math.max(0, looked[t]! - (idle?.[t] ?? 0)));
  };

  const rank: Ranking['rank'] = async (documents, query, settings, hooks) => {
    const checked = checkRank(settings, config.layers);
    if (config.state) {
      throw new LonghandError(
        'unsupported/architecture',
        `Models of architecture "${config.architecture}" have layers with a state, through which every document would meet those before it. Rank with another model.`,
        { architecture: config.architecture },
      );
    }
    if (documents.length === 0) return [];
    try {
      return await attempt(documents, query, checked, hooks);
    } catch (error) {
      const backend = held?.state.backend;
      release();
      if (!backend || !(await parts.reader.replace?.(backend, error, hooks.signal))) throw error;
      return rank(documents, query, settings, hooks);
    }
  };
  return { rank, release };
};

/** A text that is given twice is read twice: each has its own share. */
const namesOf = (texts: readonly string[]): string[] => {
  const seen = new Map<string, number>();
  return texts.map((text) => {
    const times = seen.get(text) ?? 0;
    seen.set(text, times + 1);
    return `${times} ${text}`;
  });
};

/** The greatest share first; of equal ones the earlier document. */
const ranked = (places: readonly Range[], worth: (token: number) => number): Ranked[] => {
  const masses = places.map(([start, end]) => {
    let mass = 0;
    for (let t = start; t < end; t++) mass += worth(t);
    return mass;
  });
  const all = masses.reduce((sum, mass) => sum + mass, 0);
  return masses
    .map((mass, document) => ({ document, share: all > 0 ? mass / all : 0 }))
    .sort((a, b) => b.share - a.share || a.document - b.document);
};
