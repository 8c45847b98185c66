import { PAGE } from '../backends/backend.js';
import { Context } from '../generate/context.js';
import { type Conversation, createConversation } from '../generate/conversation.js';
import { density, type Phase } from '../generate/meter.js';
import { checkTools } from '../generate/opening.js';
import type { AppendHooks } from '../generate/reader.js';
import type { Budget } from '../kv/budget.js';
import { createPager, type Pager } from '../kv/pager.js';
import { alreadyThere } from '../kv/session-transfer.js';
import type { ContextStats } from './engine.js';
import { findSession, keepSession } from './keep-session.js';
import type { OpenModel } from './open-model.js';
import { type OpenRetrieval, openRetrieval } from './open-retrieval.js';
import { isPersisted } from './persisted.js';
import type { ContextOptions, SessionOptions } from './session-options.js';
import type { Keeps } from './session-retention.js';

/** A context as the engine holds it; a session is one with a conversation. */
export interface OpenContext {
  /** Of a session that is kept. */
  readonly id?: string | undefined;
  readonly context: Context;
  readonly conversation: Conversation | undefined;
  readonly keeps: Keeps;
  readonly retrieval?: OpenRetrieval;
  stats(): Promise<ContextStats>;
  close(): Promise<void>;
}

/** For text that is shared by content: not where pages depend on more than the tokens, or came from elsewhere. */
const sharedPager = ({ kept, reader }: OpenModel, sharing = true): Pager | undefined =>
  kept && sharing && reader.predictor.needs.prefixStable
    ? createPager(kept.archive, reader.arena.segmentTokens, reader.predictor.notes)
    : undefined;

const phase = ({ tokens, seconds }: Phase) => ({ tokens, seconds });

/** Whatever is over the budget could not be given up, because the store does not have it. */
const memoryOf = (
  { bytes: budget, used }: Budget,
  storage: ContextStats['storage'],
): ContextStats['memory'] => {
  const over = Math.max(0, used - budget);
  return { budget, used, over, ...(over > 0 && { reason: storage === 'ok' ? 'unstored' : storage }) };
};

const statsOf = async (
  { kept, unkept, reader, ladder }: OpenModel,
  context: Context,
  pager: Pager | undefined,
  ownPages = 0,
): Promise<ContextStats> => {
  const sharedPages = (pager?.storedTokens ?? 0) / PAGE;
  const { meter } = context;
  const { pages, bytes } = context.resident;
  const held = reader.backend.bytes();
  return {
    tokens: context.tokens.length,
    kept: context.kept,
    reusedTokens: meter.reusedTokens,
    recomputedTokens: meter.recomputedTokens,
    pagesResident: pages,
    paging: { ...context.paging },
    computing: { backend: reader.backend.name, reason: ladder.now.backend.reason, losses: ladder.losses },
    memory: memoryOf(reader.budget, kept?.archive.state ?? unkept),
    pagesStored: (sharedPages + ownPages) * reader.config.layers,
    bytes: { pages: bytes, weights: held.weights, total: held.total },
    // A store that cannot be read is no reason to keep the other numbers back.
    storedBytes: (await kept?.store.size('').catch(() => 0)) ?? 0,
    storage: kept?.archive.state ?? unkept,
    persisted: kept && kept.store.name !== 'memory' ? await isPersisted() : 'no',
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
export const openContext = async (model: OpenModel, options: ContextOptions = {}): Promise<OpenContext> => {
  const { retention } = options;
  const keeps = retention ? await model.retention(retention) : model.reader;
  const pager = sharedPager(model);
  const context = new Context(model.reader, pager, undefined, keeps);
  return {
    keeps,
    context,
    conversation: undefined,
    stats: () => statsOf(model, context, pager),
    close: async () => context.close(),
  };
};

/**
 * A context with a conversation: new, or the one kept under `id`, or one that stands where `from` does: by its tokens, so
 * that what no store has of them is read again. Errors: `input/exists` where a clone is to be kept as what is there.
 */
export const openSession = async (
  model: OpenModel,
  options: SessionOptions,
  hooks: AppendHooks = {},
  from?: OpenContext,
): Promise<OpenContext> => {
  const { id, system, tools, retention } = options;
  if (tools) await checkTools(tools);
  // Without a wait where there is nothing to wait for: who closes the model meanwhile is then told so.
  const keeps = retention ? await model.retention(retention) : (from?.keeps ?? model.reader);
  const found = await findSession(model, options, hooks.signal);
  const atRest = found === 'unavailable' ? undefined : found;
  if (from && atRest?.stored) {
    await atRest.release?.();
    throw alreadyThere(id!);
  }
  const pager = sharedPager(model, atRest?.stored?.sharing);
  const rest = pager?.archive ?? (atRest && model.kept?.archive);
  const context = new Context(model.reader, pager, rest, keeps);
  try {
    const keeper = atRest && (await keepSession(model, context, atRest, options, hooks));
    const stored = from?.conversation?.turns ?? keeper?.turns;
    const conversation = await createConversation(
      context,
      model.tokenizer,
      model.template,
      model.reader.maxTokens,
      { system, tools, ...(stored && { stored }) },
      async () => keeper?.put(conversation.turns),
    );
    const retrieval = openRetrieval(model, conversation);
    if (from) {
      context.resume(from.context.tokens, from.context.spans);
      await context.catchUp(hooks);
      await keeper?.put(conversation.turns);
    }
    return {
      id: atRest?.release && id,
      context,
      conversation,
      keeps,
      retrieval,
      stats: async () => ({
        ...(await statsOf(model, context, pager, keeper?.pages)),
        ...(found === 'unavailable' && { storage: found }),
      }),
      close: async () => {
        context.close();
        retrieval.release();
        await atRest?.release?.();
      },
    };
  } catch (error) {
    context.close();
    await atRest?.release?.();
    throw error;
  }
};
