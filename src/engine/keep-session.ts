import { PAGE } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { Context } from '../generate/context.js';
import type { Turns } from '../generate/conversation.js';
import type { AppendHooks } from '../generate/reader.js';
import type { Manifest } from '../kv/manifest.js';
import type { PagedState } from '../kv/pager.js';
import { noSession } from '../kv/session-transfer.js';
import { createTail } from '../kv/tail.js';
import type { OpenModel } from './open-model.js';
import { notesOf, type SessionNotes } from './session-notes.js';
import type { SessionOptions } from './session-options.js';

/** What is stored under an id, for its one writer or for a reader. */
export interface FoundSession {
  readonly id: string;
  /** Absent where there is none yet. */
  readonly stored: Manifest | undefined;
  /** Lets go of the session. Absent for a reader. */
  readonly release: (() => Promise<void>) | undefined;
}

/** A session that is written whenever it has changed. */
export interface Keeper {
  /** Pages that the stored session has for itself. */
  readonly pages: number;
  /** Where its conversation stood. */
  readonly turns: Turns | undefined;
  put(turns: Turns): Promise<void>;
}

/**
 * Finds a session and becomes its writer, unless it is only to be read. Where the store cannot be read nothing is written
 * either: what is stored under the name would be overwritten unseen.
 */
export const findSession = async (
  { kept }: OpenModel,
  { id, wait, readOnly }: SessionOptions,
  signal: AbortSignal | undefined,
): Promise<FoundSession | 'unavailable' | undefined> => {
  if (id === undefined) return undefined;
  if (readOnly) {
    const stored = await kept?.archive.sessions.get(id);
    if (!stored) throw noSession(id);
    return { id, stored, release: undefined };
  }
  if (!kept) return undefined;
  const { sessions } = kept.archive;
  const release = await sessions.acquire(id, { wait, signal });
  try {
    return { id, stored: await sessions.get(id), release };
  } catch (error) {
    await release();
    if ((error as Partial<LonghandError>).code === 'storage/unavailable') return 'unavailable';
    throw error;
  }
};

/** Attaches what is stored of a session to an empty context, and writes it from then on where it is ours to write. */
export const keepSession = async (
  { kept, reader, provenance }: OpenModel,
  context: Context,
  { id, stored, release }: FoundSession,
  { system, tools, title = id }: SessionOptions,
  hooks: AppendHooks,
): Promise<Keeper> => {
  const { archive } = kept!;
  const { arena, predictor } = reader;
  const { created = Date.now(), sharing = true } = stored ?? {};
  const tail = createTail(archive, arena.segmentTokens);
  let pages = 0;
  let turns: Turns | undefined;
  context.onForget = (tokens) => tail.forget(tokens);
  context.keepsAll = release !== undefined;
  if (stored) {
    const notes = await notesOf(stored);
    checkSameText(stored, provenance.tokenizer, notes, system, tools);
    context.resume(stored.tokens, notes.spans);
    const { canonical } = stored;
    const more = async (cached: number, state: PagedState): Promise<number> =>
      cached === canonical ? tail.write((await archive.sessions.tail(stored)).runs, cached, state) : cached;
    const cached = await context.attach(canonical, more, hooks);
    pages = Math.ceil(Math.max(0, cached - canonical) / PAGE);
    turns = notes.turns;
  }
  return {
    get pages() {
      return pages;
    },
    turns,
    async put(now) {
      if (!release) return;
      await context.catchUp();
      const { length } = context.tokens;
      const shared = sharing && predictor.needs.prefixStable ? context.text : 0;
      const canonical = shared - (shared % arena.segmentTokens);
      const fresh = await context.withState((state) => tail.read(context.tokens, canonical, length, state));
      const outcome = await archive.sessions.put(
        {
          id,
          title,
          created,
          used: Date.now(),
          made: provenance,
          tokens: Uint32Array.from(context.tokens),
          canonical,
          bytes: context.pageBytes.reduce((sum, bytes) => sum + bytes, 0) * Math.ceil(length / PAGE),
          sharing,
          notes: { spans: [...context.spans], turns: now } satisfies SessionNotes,
        },
        fresh,
      );
      // A store that cannot tell what it has just taken may not give it back either: those pages stay in memory.
      const written = outcome === 'all' ? await archive.sessions.get(id).catch(() => undefined) : undefined;
      if (written) await context.withState(async (state) => tail.stored(written, state));
      else if (outcome === 'tokens')
        await context.withState(async ({ residency }) =>
          residency.forget(canonical + fresh.keep * arena.segmentTokens),
        );
      if (outcome !== 'nothing') pages = outcome === 'all' ? Math.ceil((length - canonical) / PAGE) : 0;
    },
  };
};

const checkSameText = (
  stored: Manifest,
  tokenizer: string,
  notes: SessionNotes,
  system: string | undefined,
  tools: SessionOptions['tools'],
): void => {
  if (stored.made.tokenizer !== tokenizer) {
    throw new LonghandError(
      'input/option',
      `Session '${stored.id}' was made with another tokenizer, so its tokens mean nothing to this model. Use another id, or delete the session.`,
      { option: 'id', session: stored.id },
    );
  }
  if (system !== undefined && system !== notes.turns.system) {
    throw new LonghandError(
      'input/option',
      `Session '${stored.id}' was begun with another system text. Leave \`system\` out to go on with it, or use another id.`,
      { option: 'system', session: stored.id },
    );
  }
  if (tools !== undefined && JSON.stringify(tools) !== JSON.stringify(notes.turns.tools ?? [])) {
    throw new LonghandError(
      'input/option',
      `Session '${stored.id}' was begun with other tools. Leave \`tools\` out to go on with them, or use another id.`,
      { option: 'tools', session: stored.id },
    );
  }
};
