import { PAGE } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { Context } from '../generate/context.js';
import { type Conversation, createConversation, type Turns } from '../generate/conversation.js';
import { density, type Phase } from '../generate/meter.js';
import type { AppendHooks } from '../generate/reader.js';
import type { Span } from '../generate/spans.js';
import type { Manifest } from '../kv/manifest.js';
import { createPager, type PagedState, type Pager } from '../kv/pager.js';
import { createTail } from '../kv/tail.js';
import type { ContextStats } from './engine.js';
import type { OpenModel } from './open-model.js';
import type { SessionOptions } from './options.js';

/** A context as the engine holds it; a session is one with a conversation. */
export interface OpenContext {
  /** Of a session that is kept. */
  readonly id?: string | undefined;
  readonly context: Context;
  readonly conversation: Conversation | undefined;
  stats(): Promise<ContextStats>;
  close(): Promise<void>;
}

/** What a session keeps beside its tokens. */
interface Notes {
  readonly spans: readonly Span[];
  readonly turns: Turns;
}

const sharedPager = ({ kept, reader }: OpenModel): Pager | undefined =>
  kept && reader.predictor.needs.prefixStable
    ? createPager(reader.backend, kept.archive, reader.arena.segmentTokens)
    : undefined;

const phase = ({ tokens, seconds }: Phase) => ({ tokens, seconds });

const statsOf = async (
  { kept, unkept, reader }: OpenModel,
  context: Context,
  pager: Pager | undefined,
  session?: Awaited<ReturnType<typeof keepSession>>,
): Promise<ContextStats> => {
  const storage = session === 'unavailable' ? session : undefined;
  const ownPages = session === 'unavailable' ? 0 : (session?.pages ?? 0);
  const sharedPages = (pager?.storedTokens ?? 0) / PAGE;
  const { meter } = context;
  const { pages, bytes } = context.resident;
  const held = reader.backend.bytes();
  return {
    tokens: context.tokens.length,
    reusedTokens: meter.reusedTokens,
    recomputedTokens: meter.recomputedTokens,
    pagesResident: pages,
    pagesStored: (sharedPages + ownPages) * reader.config.layers,
    bytes: { pages: bytes, weights: held.weights, total: held.total },
    // A store that cannot be read is no reason to keep the other numbers back.
    storedBytes: (await kept?.store.size('').catch(() => 0)) ?? 0,
    storage: storage ?? kept?.archive.state ?? unkept,
    density: {
      prefill: density(meter.prefill),
      decode: density(meter.decode),
      lastStep: density(meter.lastStep),
    },
    prefill: phase(meter.prefill),
    decode: phase(meter.decode),
  };
};

/** A bare context: a token list and its pages. */
export const openContext = (model: OpenModel): OpenContext => {
  const pager = sharedPager(model);
  const context = new Context(model.reader, pager);
  return {
    context,
    conversation: undefined,
    stats: () => statsOf(model, context, pager),
    close: async () => context.close(),
  };
};

/** A context with a conversation: new, or the one kept under `id`. */
export const openSession = async (
  model: OpenModel,
  options: SessionOptions,
  hooks: AppendHooks = {},
): Promise<OpenContext> => {
  const { id, system } = options;
  const pager = sharedPager(model);
  const context = new Context(model.reader, pager);
  try {
    const kept = id === undefined ? undefined : await keepSession(model, context, id, system, hooks);
    const keeper = kept === 'unavailable' ? undefined : kept;
    const conversation = createConversation(
      context,
      model.tokenizer,
      model.template,
      model.reader.maxTokens,
      { system, ...(keeper?.turns && { stored: keeper.turns }) },
      async () => keeper?.put(conversation.turns),
    );
    return {
      id: keeper && id,
      context,
      conversation,
      stats: () => statsOf(model, context, pager, kept),
      close: async () => {
        context.close();
        await keeper?.release();
      },
    };
  } catch (error) {
    context.close();
    throw error;
  }
};

/**
 * Finds the session, becomes its writer, and writes it whenever it has changed. Where the store cannot be read, nothing
 * is written either: what is stored under the name would be overwritten unseen.
 */
const keepSession = async (
  model: OpenModel,
  context: Context,
  id: string,
  system: string | undefined,
  hooks: AppendHooks,
) => {
  const { kept, reader, provenance } = model;
  if (!kept) return undefined;
  const { archive } = kept;
  const { backend, arena } = reader;
  const release = await archive.sessions.acquire(id);
  try {
    const stored = await archive.sessions.get(id).catch((error: LonghandError) => {
      if (error.code !== 'storage/unavailable') throw error;
      return 'unavailable' as const;
    });
    if (stored === 'unavailable') {
      await release();
      return stored;
    }
    const notes = stored?.notes as Notes | undefined;
    const created = stored?.created ?? Date.now();
    const tail = createTail(backend, archive, arena.segmentTokens);
    /** Pages that the stored session has for itself. */
    let pages = 0;
    context.onForget = (tokens) => tail.forget(tokens);
    if (stored && notes) {
      checkSameText(stored, provenance.tokenizer, notes, system);
      context.resume(stored.tokens, notes.spans);
      const { canonical } = stored;
      const more = async (cached: number, state: PagedState): Promise<number> =>
        cached === canonical ? tail.write((await archive.sessions.tail(stored)).runs, cached, state) : cached;
      const cached = await context.attach(canonical, more, hooks);
      pages = Math.ceil(Math.max(0, cached - canonical) / PAGE);
    }
    return {
      get pages() {
        return pages;
      },
      turns: notes?.turns,
      release,
      async put(turns: Turns) {
        await context.catchUp();
        const { length } = context.tokens;
        const shared = reader.predictor.needs.prefixStable ? context.text : 0;
        const canonical = shared - (shared % arena.segmentTokens);
        const fresh = await context.withState((state) => tail.read(context.tokens, canonical, length, state));
        const outcome = await archive.sessions.put(
          {
            id,
            title: id,
            created,
            used: Date.now(),
            made: provenance,
            tokens: Uint32Array.from(context.tokens),
            canonical,
            bytes: context.pageBytes.reduce((sum, bytes) => sum + bytes, 0) * Math.ceil(length / PAGE),
            notes: { spans: [...context.spans], turns } satisfies Notes,
          },
          fresh,
        );
        if (outcome !== 'nothing') pages = outcome === 'all' ? Math.ceil((length - canonical) / PAGE) : 0;
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
};

const checkSameText = (
  stored: Manifest,
  tokenizer: string,
  notes: Notes,
  system: string | undefined,
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
};
