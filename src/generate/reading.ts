import { isLost, LonghandError, throwIfAborted } from '../errors.js';
import { LostRun } from '../kv/lost-run.js';
import type { Pager } from '../kv/pager.js';
import type { ContextState } from '../model/state.js';
import { breathe } from './breathe.js';
import { createMeter, type Meter } from './meter.js';
import { mostRows } from './most-rows.js';
import { type AppendHooks, forward, type LeftLogits, type Reader } from './reader.js';
import type { Watch } from './sources.js';
import type { Text } from './spans.js';
import type { WantedTop } from './top-logits.js';

/** Keeps pages in step with a token list: attaches what is stored, computes what is not, and undoes what failed. */
export class Reading {
  readonly meter: Meter = createMeter();
  /** Called when pages beyond `tokens` will hold something else. */
  onForget: ((tokens: number) => void) | undefined;
  /** Looks on while rows are computed. */
  watch: Watch | undefined;
  /** Everything will be stored, not only whole segments of text: until then no page may go. */
  keepsAll = false;
  /** The last token was generated: what is kept of those before it is chosen. */
  answering = false;
  #anchor = Number.POSITIVE_INFINITY;
  readonly #reader: Reader;
  readonly #makeState: () => ContextState;
  #state: ContextState;
  readonly #pager: Pager | undefined;
  readonly #text: Text;
  /** Leading tokens whose K and V are in the pages. */
  #cached = 0;
  /** The end of the last call, while the plans that it left may go on. */
  #planned = -1;
  /** Leading tokens that were read before: to compute them is to read them again. */
  #readBefore = 0;
  /** Where a run is to be computed: the store lost it, or its logits are wanted. It is not asked for it again. */
  #lostAt = -1;
  /** Length of the prefix whose last row `#left` is of. */
  #leftAt = -1;
  #left: LeftLogits | undefined;

  constructor(reader: Reader, makeState: () => ContextState, pager: Pager | undefined, text: Text) {
    this.#reader = reader;
    this.#makeState = makeState;
    this.#state = makeState();
    this.#pager = pager;
    this.#text = text;
  }

  /** What the device holds; another one once the device was lost. */
  get state(): ContextState {
    return this.#state;
  }

  /** Where reading goes on: from there all is known, and a tile begins. */
  get #start(): number {
    return this.#text.spans.restart(this.#cached, this.#state.residency.reach);
  }

  /** Logits after the last token, where that was the last row computed. */
  get left(): LeftLogits | undefined {
    return this.#leftAt === this.#text.tokens.length ? this.#left : undefined;
  }

  /** All of them, where the highest were enough before, and no other call's have taken their place. */
  async readAll(): Promise<void> {
    const { arena, backend, exclusive } = this.#reader;
    if (!this.left || 'all' in this.left) return;
    try {
      await exclusive(async () => {
        if (this.left && arena.logitsOf === this) this.#left = { all: await backend.read(arena.logits) };
      });
    } catch (error) {
      await this.mend(error, undefined);
    }
  }

  /** A place to which the tokens may be cut: layers keep what they need there. */
  set anchor(tokens: number) {
    this.#anchor = tokens;
    this.#state.keep(tokens);
  }

  /** The first `tokens` were read on an earlier visit. */
  resume(tokens: number): void {
    this.#readBefore = tokens;
  }

  /** The list ends after `tokens` and may go on with others: those are not read again. */
  cut(tokens: number): void {
    this.#readBefore = Math.min(this.#readBefore, tokens);
    this.#forget(Math.min(this.#cached, tokens));
  }

  /** Pages beyond `tokens` must be made anew from the same tokens. */
  repeatFrom(tokens: number): void {
    this.#readBefore = Math.max(this.#readBefore, this.#cached);
    this.#forget(Math.min(this.#cached, tokens));
  }

  /** As `repeatFrom`, and from there on they are computed, also where the store has them. */
  computeFrom(tokens: number): void {
    this.repeatFrom(tokens);
    this.#lostAt = tokens;
  }

  /** Attach shared segments up to `canonical`, then what `more` puts behind them. Resolves to the tokens in the pages. */
  async attach(
    canonical: number,
    more: (cached: number, state: ContextState) => Promise<number>,
    hooks: AppendHooks,
  ): Promise<number> {
    try {
      await this.#restore(hooks, canonical);
      const before = this.#cached;
      this.#cached = await more(before, this.#state);
      this.meter.reusedTokens += this.#cached - before;
      return this.#cached;
    } catch (error) {
      await this.mend(error, hooks.signal);
      return this.attach(canonical, more, hooks);
    }
  }

  /** Read whatever the pages lack, on another device if this one is lost meanwhile; `top` of the logits, where those are enough. */
  async catchUp(hooks: AppendHooks, top?: WantedTop): Promise<void> {
    try {
      await this.#advance(hooks, top);
    } catch (error) {
      await this.mend(error, hooks.signal);
      await this.catchUp(hooks, top);
    }
  }

  async #advance(hooks: AppendHooks, top: WantedTop | undefined): Promise<void> {
    const total = this.#text.tokens.length;
    let more = this.#cached < total && (await this.#restore(hooks));
    while (this.#cached < total) {
      await breathe();
      // One call at a time, so that whoever waits behind another context's long text is not deaf meanwhile.
      await this.#reader.exclusive(() => this.#call(hooks.signal, top)).catch((error) => this.lose(error));
      hooks.onProgress?.(this.#cached, total);
      await this.#pager?.save(this.#text.tokens, Math.min(this.#cached, this.#text.spans.text), this.#state);
      this.#slide();
      // Behind a segment that was missing or damaged the next ones may be whole.
      const atSegment = this.#cached % this.#reader.arena.segmentTokens === 0;
      if ((more || this.#lostAt >= 0) && atSegment) more = await this.#restore(hooks);
    }
  }

  /** A run that the store lost is read again, and what follows it attached again. Other errors are thrown. */
  lose(error: unknown): void {
    if (!(error instanceof LostRun)) throw error;
    this.repeatFrom(error.tokens);
    this.#lostAt = error.tokens;
  }

  /**
   * After it everything can be caught up with again: what the store lost is read again, and where the device was lost and
   * there is another one, that begins without pages. Other errors are thrown.
   */
  async mend(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!(await this.#reader.replace?.(this.#state.backend, error, signal))) {
      this.lose(error);
      return;
    }
    const old = this.#state;
    this.#state = this.#makeState();
    old.release();
    this.#lostAt = -1;
    this.repeatFrom(0);
  }

  /** What ended half-way left some layers, and the chunk index, ahead of the tokens that count. */
  undo(): void {
    this.#cutState(this.#cached);
  }

  /** Attach segments of the text that were read before on this device; whether more may follow later ones. */
  async #restore(hooks: AppendHooks, until = this.#text.spans.text): Promise<boolean> {
    if (!this.#pager || this.#cached >= until) return false;
    if (this.#cached === this.#lostAt) return true;
    this.#lostAt = -1;
    const text = this.#text.tokens.slice(0, until);
    const restored = await this.#pager.restore(text, this.#cached, this.#state, hooks.signal);
    if (restored.tokens <= this.#cached) return restored.more;
    this.meter.reusedTokens += restored.tokens - this.#cached;
    this.#cached = restored.tokens;
    this.#leftAt = -1;
    hooks.onProgress?.(this.#cached, this.#text.tokens.length);
    return restored.more;
  }

  /** One forward call: to the end of the segment, of the span, or of the tokens. */
  async #call(signal: AbortSignal | undefined, top: WantedTop | undefined): Promise<void> {
    throwIfAborted(signal);
    this.#text.assertOpen();
    // Another context found out that the device is gone.
    if (this.#state.backend !== this.#reader.backend)
      throw new LonghandError('engine/lost', 'The device was lost.');
    const { tokens, spans } = this.#text;
    // Pages that are gone for good are made again; rows that share a plan are read together.
    const reach = this.#state.residency.reach(this.#cached);
    if (this.#planned !== this.#cached || reach < this.#cached) this.repeatFrom(this.#start);
    const [position, started] = [this.#cached, performance.now()];
    const { segmentTokens } = this.#reader.arena;
    const tiles = spans.call(position, tokens.length, segmentTokens, mostRows(this.#reader, position));
    const end = position + tiles.rows;
    await this.#state.retention?.begin(position, tokens.length, this.answering);
    const [ids, last] = [tokens.slice(position, end), end === tokens.length];
    // Rows that are read again were watched before, or are not to be.
    const watch = end > this.#readBefore ? this.watch : undefined;
    const wants = last ? ((this.#reader.backend.topLogits && top) ?? 'all') : undefined;
    const { pairs, left } = await forward(this.#reader, this.#state, ids, tiles, wants, watch);
    if (left) {
      this.#left = left;
      this.#leftAt = end;
      this.#reader.arena.logitsOf = this;
    }
    this.#cached = this.#planned = end;
    if (end === this.#anchor) this.#state.keep(end);
    this.meter.recomputedTokens += Math.max(0, Math.min(end, this.#readBefore) - position);
    this.meter.count(tiles, spans.at(position).exact, pairs, performance.now() - started);
  }

  /** The context is gone. */
  close(): void {
    this.#pager?.close();
    this.#state.release();
  }

  /** Layers that slide keep their windows. What is still to be stored stays; what never will be goes for good. */
  #slide(): void {
    const isText = this.#cached <= this.#text.spans.text;
    const handed = this.#pager && isText ? this.#pager.handedTokens : this.#cached;
    this.#state.residency.slide(Math.min(this.#cached, this.#anchor), this.keepsAll ? 0 : handed);
  }

  #forget(tokens: number): void {
    // Also where nothing was cached yet: the pager knows the keys of tokens that are not read.
    this.#pager?.forget(tokens);
    if (tokens < this.#leftAt) this.#leftAt = -1;
    if (tokens >= this.#cached) return;
    this.#cached = tokens;
    this.#planned = -1;
    this.onForget?.(tokens);
    this.#cutState(tokens);
    // Without the state behind them, rows are read again before anything is kept of them.
    if (this.#state.recurs && this.#state.residency.reach(tokens) < tokens) this.repeatFrom(this.#start);
  }

  /** A device that is lost holds nothing that could be cut: whatever is read next finds out. */
  #cutState(tokens: number): void {
    try {
      this.#state.cutTo(tokens);
    } catch (error) {
      if (!isLost(error)) throw error;
    }
  }
}
