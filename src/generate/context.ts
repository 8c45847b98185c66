import { PAGE, type Range } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { Paging, Rest } from '../kv/fetch.js';
import type { Pager } from '../kv/pager.js';
import type { ContextState } from '../model/state.js';
import { wholeNumber } from '../options.js';
import type { Meter } from './meter.js';
import { type AppendHooks, type LeftLogits, type Reader, stateOf, tooLong } from './reader.js';
import { Reading } from './reading.js';
import type { Watch } from './sources.js';
import { createSpans, type Span, type Spans } from './spans.js';
import type { WantedTop } from './top-logits.js';

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
  readonly #reader: Reader;
  readonly #spans: Spans;
  readonly #reading: Reading;
  #closed = false;

  /** `rest`: where pages may rest that lose their memory. `keeps`: what is kept, where it is not what the reader says. */
  constructor(
    reader: Reader,
    pager?: Pager,
    rest: Rest | undefined = pager?.archive,
    keeps: Pick<Reader, 'retain'> = reader,
  ) {
    this.#reader = reader;
    this.#spans = createSpans(reader.predictor.needs);
    const assertOpen = (): void => this.#assertOpen();
    const text = { tokens: this.tokens, spans: this.#spans, assertOpen };
    this.#reading = new Reading(reader, () => stateOf(reader, this.tokens, rest, keeps), pager, text);
  }

  /** Where the highest logits can be asked for: how a sampler chooses from those alone. */
  get topShortlist(): Reader['topShortlist'] {
    return this.#reader.topShortlist;
  }

  get meter(): Meter {
    return this.#reading.meter;
  }

  /** Called when pages beyond `tokens` will hold something else. */
  set onForget(call: (tokens: number) => void) {
    this.#reading.onForget = call;
  }

  /** Looks on while rows are computed. */
  set watch(watch: Watch | undefined) {
    this.#reading.watch = watch;
  }

  /** Everything will be stored, not only whole segments of text: until then no page may go. */
  set keepsAll(keepsAll: boolean) {
    this.#reading.keepsAll = keepsAll;
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
    this.checkRoom(ids.length);
    if (!exact) this.#reading.anchor = Number.POSITIVE_INFINITY;
    await this.orAsBefore(() => {
      this.#reading.answering = false;
      this.#push(ids, exact);
      return this.catchUp(hooks);
    });
  }

  /** Where `read` fails, the tokens and what comes next are as before it, unless the context was closed. */
  async orAsBefore(read: () => Promise<void>): Promise<void> {
    const [tokens, { answering }] = [this.tokens.length, this.#reading];
    try {
      await read();
    } catch (error) {
      if (this.#closed) throw error;
      this.rewind({ tokens });
      this.#reading.answering = answering;
      throw error;
    }
  }

  /** Put back a stored token list: its pages are restored from the store as far as they go when it is next read. */
  resume(tokens: ArrayLike<number>, spans: Iterable<Span>): void {
    this.checkRoom(tokens.length - this.tokens.length);
    this.rewind({ tokens: 0 });
    for (let i = 0; i < tokens.length; i++) this.tokens.push(tokens[i]!);
    this.#spans.load(spans);
    this.#reading.resume(tokens.length);
  }

  /**
   * Attach stored pages of a resumed token list: shared segments up to `canonical`, then what `more` puts behind them.
   * Both resolve to the tokens that are then in the pages.
   */
  attach(
    canonical: number,
    more: (cached: number, state: ContextState) => Promise<number>,
    hooks: AppendHooks = {},
  ): Promise<number> {
    return this.#reading.attach(canonical, more, hooks);
  }

  /** Read from the device state while no forward call runs. */
  async withState<T>(read: (state: ContextState) => Promise<T>): Promise<T> {
    try {
      return await this.#reader.exclusive(() => read(this.#reading.state));
    } catch (error) {
      // What was to be read is not in the store any more, or went with the device: it is made again first.
      await this.#reading.mend(error, undefined);
      await this.catchUp();
      return this.withState(read);
    }
  }

  /** Read whatever the pages lack; `top` of the logits, where those are enough. */
  async catchUp(hooks: AppendHooks = {}, top?: WantedTop): Promise<void> {
    try {
      await this.#reading.catchUp(hooks, top);
    } catch (error) {
      if (!this.#closed) this.#reading.undo();
      throw error;
    }
  }

  /** Logits (vocab) after the last token. */
  async logits(hooks: AppendHooks = {}): Promise<Float32Array> {
    return (await this.#left(hooks)).all;
  }

  /** The highest logits after the last token, or all of them where those are not enough. */
  async top(top: WantedTop, hooks: AppendHooks = {}): Promise<LeftLogits> {
    this.#assertFilled();
    await this.catchUp(hooks, top);
    const { left } = this.#reading;
    return left && 'top' in left && top.enough(left.top) ? left : this.#left(hooks);
  }

  /** One more token, private to this context; it is read when its logits are asked for. */
  push(id: number): void {
    this.checkRoom(1);
    this.#reading.answering = true;
    this.#push([id], true);
  }

  /** Here, to come back to: until the next bookmark, or more text, no layer forgets what it would read from here. */
  bookmark(): Bookmark {
    this.#reading.anchor = this.tokens.length;
    return { tokens: this.tokens.length };
  }

  /** Forget everything after the bookmark. */
  rewind({ tokens }: Bookmark): void {
    this.tokens.length = tokens;
    this.#spans.cut(tokens);
    this.#reading.cut(tokens);
  }

  /** What the last call read in a layer, for one KV head: ranges by tile. */
  async plan(layer: number, head: number): Promise<Range[]> {
    const { layers, kvHeads } = this.#reader.config;
    wholeNumber('layer', layer, 0, 0, layers - 1);
    wholeNumber('head', head, 0, 0, kvHeads - 1);
    const { backend, plans } = this.#reading.state;
    // It reads no keys.
    if (this.#reader.config.attention[layer]!.recurs) return [];
    const plan = plans[layer]!;
    const rows = await backend.readPlan(plan);
    const tiles = rows.length / plan.lists;
    const list = plan.lists === 1 ? 0 : head;
    return rows[(list + 1) * tiles - 1] ?? [];
  }

  /** Bytes that a page takes of the store, layer by layer: of states one rests for each segment. */
  get pageBytes(): number[] {
    const states = PAGE / this.#reader.arena.segmentTokens;
    return this.#reading.state.layers.map(({ shape, pageBytes }) => pageBytes * (shape.state ? states : 1));
  }

  /** Pages held on the device. */
  get resident(): { pages: number; bytes: number } {
    return this.#reading.state.resident();
  }

  /** Tokens that plans may name, on average over layers and heads. */
  get kept(): number {
    return this.#reading.state.retention?.kept(this.tokens.length) ?? this.tokens.length;
  }

  /** How plans found their pages. */
  get paging(): Paging {
    return this.#reading.state.residency.paging;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reading.close();
  }

  async #left(hooks: AppendHooks): Promise<Extract<LeftLogits, { all: unknown }>> {
    this.#assertFilled();
    await this.catchUp(hooks);
    await this.#reading.readAll();
    const { left } = this.#reading;
    if (left && 'all' in left) return left;
    // The pages came from the store: the last row's tile is read again for its logits.
    this.#reading.computeFrom(this.#spans.tileStart(this.tokens.length - 1));
    return this.#left(hooks);
  }

  #assertFilled(): void {
    if (this.tokens.length > 0) return;
    throw new LonghandError(
      'input/option',
      'There are no logits: the context is empty. Append something first.',
    );
  }

  #push(ids: ArrayLike<number>, exact: boolean): void {
    if (ids.length === 0) return;
    if (!exact) this.#reading.repeatFrom(this.#spans.tileStart(this.tokens.length));
    for (let i = 0; i < ids.length; i++) this.tokens.push(ids[i]!);
    this.#spans.add(this.tokens.length, exact);
  }

  #assertOpen(): void {
    if (this.#closed) throw new LonghandError('engine/closed', 'This context was closed. Open another one.');
  }

  checkRoom(more: number): void {
    this.#assertOpen();
    const requested = this.tokens.length + more;
    const quota = this.#reader.maxTokens;
    if (requested > quota) throw tooLong(requested, quota);
  }
}
