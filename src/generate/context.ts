import type { Range } from '../backends/backend.js';
import { LonghandError, throwIfAborted } from '../errors.js';
import type { Pager } from '../kv/pager.js';
import { type ContextState, createState } from '../model/state.js';
import { wholeNumber } from '../options.js';
import { breathe } from './breathe.js';
import { createMarks } from './marks.js';
import { createMeter, type Meter } from './meter.js';
import { type AppendHooks, forward, type Reader, tooLong } from './reader.js';
import type { Watch } from './sources.js';
import { createSpans, type Span, type Spans } from './spans.js';

/** A place in the token list to come back to. */
export interface Bookmark {
  readonly tokens: number;
}

/**
 * One token list and the pages that cache it. The list is the truth: whatever the pages lack is computed when it is
 * needed. Text is read in tiles of PAGE rows, so that the same text gives the same pages, bit for bit, in one piece or
 * in many; questions and answers are read row by row.
 */
export class Context {
  readonly tokens: number[] = [];
  readonly meter: Meter = createMeter();
  /** Called when pages beyond `tokens` will hold something else. */
  onForget: ((tokens: number) => void) | undefined;
  /** Looks on while rows are computed. */
  watch: Watch | undefined;
  readonly #reader: Reader;
  readonly #state: ContextState;
  readonly #pager: Pager | undefined;
  readonly #spans: Spans;
  /** Leading tokens whose K and V are in the pages. */
  #cached = 0;
  /** The end of the last call, while the plans that it left may go on. */
  #planned = -1;
  /** Leading tokens that were read before: to compute them is to read them again. */
  #readBefore = 0;
  /** Length of the prefix whose last row's logits are in `#logits`. */
  #logitsAt = -1;
  #logits: Float32Array = new Float32Array(0);
  #closed = false;

  constructor(reader: Reader, pager?: Pager) {
    const { backend, config, codecs, predictor } = reader;
    this.#reader = reader;
    this.#spans = createSpans(predictor.needs.reuse);
    this.#state = createState(backend, config, codecs, predictor, createMarks(this.tokens, reader.marks));
    this.#pager = pager;
  }

  /** Leading tokens that were appended as text, with nothing private before them. */
  get text(): number {
    return this.#spans.text;
  }

  /** Runs of tokens and how they were read; what a stored session keeps beside its tokens. */
  get spans(): Spans {
    return this.#spans;
  }

  /**
   * Append ids and read them: as text (tiles, shared pages), or row by row (`exact`: a question). All or nothing: an
   * abort or a failure leaves the tokens as they were, and the whole segments read so far in the store.
   */
  async append(ids: ArrayLike<number>, exact: boolean, hooks: AppendHooks = {}): Promise<void> {
    this.#checkRoom(ids.length);
    const before = this.bookmark();
    this.#push(ids, exact);
    try {
      await this.catchUp(hooks);
    } catch (error) {
      if (!this.#closed) this.rewind(before);
      throw error;
    }
  }

  /** Put back a stored token list: its pages are restored from the store as far as they go when it is next read. */
  resume(tokens: ArrayLike<number>, spans: Iterable<Span>): void {
    this.#checkRoom(tokens.length - this.tokens.length);
    this.rewind({ tokens: 0 });
    for (let i = 0; i < tokens.length; i++) this.tokens.push(tokens[i]!);
    this.#spans.load(spans);
    this.#readBefore = tokens.length;
  }

  /**
   * Attach stored pages of a resumed token list: shared segments up to `canonical`, then what `more` puts behind them.
   * Both resolve to the tokens that are then in the pages.
   */
  async attach(
    canonical: number,
    more: (cached: number, state: ContextState) => Promise<number>,
    hooks: AppendHooks = {},
  ): Promise<number> {
    await this.#restore(hooks, canonical);
    const before = this.#cached;
    this.#cached = await more(before, this.#state);
    this.meter.reusedTokens += this.#cached - before;
    return this.#cached;
  }

  /** Read from the device state while no forward call runs. */
  withState<T>(read: (state: ContextState) => Promise<T>): Promise<T> {
    return this.#reader.exclusive(() => read(this.#state));
  }

  /** Read whatever the pages lack. */
  catchUp(hooks: AppendHooks = {}): Promise<void> {
    return this.#read(hooks).catch((error) => {
      // What ended half-way left some layers, and the chunk index, ahead of the tokens that count.
      if (!this.#closed) this.#state.cutTo(this.#cached);
      throw error;
    });
  }

  /** Logits (vocab) after the last token. */
  async logits(hooks: AppendHooks = {}): Promise<Float32Array> {
    if (this.tokens.length === 0) {
      throw new LonghandError(
        'input/option',
        'There are no logits: the context is empty. Append something first.',
      );
    }
    await this.catchUp(hooks);
    if (this.#logitsAt !== this.tokens.length) {
      // The pages came from the store: the last row's tile is read again for its logits.
      this.#repeatFrom(this.#spans.tileStart(this.tokens.length - 1));
      await this.catchUp(hooks);
    }
    return this.#logits;
  }

  /** One more token, private to this context; it is read when its logits are asked for. */
  push(id: number): void {
    this.#checkRoom(1);
    this.#push([id], true);
  }

  bookmark(): Bookmark {
    return { tokens: this.tokens.length };
  }

  /** Forget everything after the bookmark. */
  rewind({ tokens }: Bookmark): void {
    this.tokens.length = tokens;
    this.#spans.cut(tokens);
    this.#readBefore = Math.min(this.#readBefore, tokens);
    this.#forget(Math.min(this.#cached, tokens));
  }

  /** What the last call read in a layer, for one KV head: ranges by tile. */
  async plan(layer: number, head: number): Promise<Range[]> {
    const { layers, kvHeads } = this.#reader.config;
    wholeNumber('layer', layer, 0, 0, layers - 1);
    wholeNumber('head', head, 0, 0, kvHeads - 1);
    const plan = this.#state.plans[layer]!;
    const rows = await this.#reader.backend.readPlan(plan);
    const tiles = rows.length / plan.lists;
    const list = plan.lists === 1 ? 0 : head;
    return rows[(list + 1) * tiles - 1] ?? [];
  }

  /** Bytes of a page, layer by layer. */
  get pageBytes(): number[] {
    return this.#state.layers.map((kv) => kv.pageBytes);
  }

  /** Pages held on the device. */
  get resident(): { pages: number; bytes: number } {
    return this.#state.resident();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#state.release();
  }

  #push(ids: ArrayLike<number>, exact: boolean): void {
    if (ids.length === 0) return;
    if (!exact) this.#repeatFrom(this.#spans.tileStart(this.tokens.length));
    for (let i = 0; i < ids.length; i++) this.tokens.push(ids[i]!);
    this.#spans.add(this.tokens.length, exact);
  }

  #assertOpen(): void {
    if (this.#closed) throw new LonghandError('engine/closed', 'This context was closed. Open another one.');
  }

  #checkRoom(more: number): void {
    this.#assertOpen();
    const requested = this.tokens.length + more;
    const quota = this.#reader.maxTokens;
    if (requested > quota) throw tooLong(requested, quota);
  }

  async #read(hooks: AppendHooks): Promise<void> {
    const total = this.tokens.length;
    let more = this.#cached < total && (await this.#restore(hooks));
    while (this.#cached < total) {
      await breathe();
      // One call at a time, so that whoever waits behind another context's long text is not deaf meanwhile.
      await this.#reader.exclusive(() => this.#call(hooks.signal));
      hooks.onProgress?.(this.#cached, total);
      await this.#pager?.save(this.tokens, Math.min(this.#cached, this.#spans.text), this.#state);
      // Behind a segment that was missing or damaged the next ones may be whole.
      if (more && this.#cached % this.#reader.arena.segmentTokens === 0) more = await this.#restore(hooks);
    }
  }

  /** Attach segments of the text that were read before on this device; whether more may follow later ones. */
  async #restore(hooks: AppendHooks, until = this.#spans.text): Promise<boolean> {
    if (!this.#pager || this.#cached >= until) return false;
    const text = this.tokens.slice(0, until);
    const restored = await this.#pager.restore(text, this.#cached, this.#state, hooks.signal);
    if (restored.tokens <= this.#cached) return restored.more;
    this.meter.reusedTokens += restored.tokens - this.#cached;
    this.#cached = restored.tokens;
    this.#logitsAt = -1;
    hooks.onProgress?.(this.#cached, this.tokens.length);
    return restored.more;
  }

  /** One forward call: to the end of the segment, of the span, or of the tokens. */
  async #call(signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal);
    this.#assertOpen();
    if (this.#planned !== this.#cached) this.#repeatFrom(this.#spans.tileStart(this.#cached));
    const [position, started] = [this.#cached, performance.now()];
    const tiles = this.#spans.call(position, this.tokens.length, this.#reader.arena.segmentTokens);
    const end = position + tiles.rows;
    const [ids, last] = [this.tokens.slice(position, end), end === this.tokens.length];
    const { pairs, logits } = await forward(this.#reader, this.#state, ids, tiles, last, this.watch);
    if (logits) {
      this.#logits = logits;
      this.#logitsAt = end;
    }
    this.#cached = this.#planned = end;
    this.meter.recomputedTokens += Math.max(0, Math.min(end, this.#readBefore) - position);
    this.meter.count(tiles, this.#spans.at(position).exact, pairs, performance.now() - started);
  }

  #repeatFrom(tokens: number): void {
    this.#readBefore = Math.max(this.#readBefore, this.#cached);
    this.#forget(Math.min(this.#cached, tokens));
  }

  #forget(tokens: number): void {
    // Also where nothing was cached yet: the pager knows the keys of tokens that are not read.
    this.#pager?.forget(tokens);
    if (tokens < this.#logitsAt) this.#logitsAt = -1;
    if (tokens >= this.#cached) return;
    this.#cached = tokens;
    this.#planned = -1;
    this.onForget?.(tokens);
    this.#state.cutTo(tokens);
  }
}
