import type { AskOptions, Exchange, Message, Model, Session, StopOptions } from '../../index.js';
import { askWithTools, type Opening, sessionOf } from './ask-with-tools.js';
import type { Group, State } from './dialogue-state.js';
import { quotaExceeded } from './exceptions.js';
import { BLANK, exchangesOf, joined, LONG_TEXT, splitText } from './exchanges.js';
import type { Callable } from './read-tools.js';

/** A conversation of messages in a session: what does not fit any more goes, oldest first, and never how it began. */
export class Dialogue {
  readonly #model: Model;
  readonly #opening: Opening;
  #session: Session;
  #state: State = { said: 0, pending: '', open: false, groups: [], usage: 0 };
  /** How it began; never evicted. */
  #initial: State = this.#state;

  private constructor(model: Model, session: Session, opening: Opening) {
    this.#model = model;
    this.#session = session;
    this.#opening = opening;
  }

  /** Errors: `QuotaExceededError` where the messages alone are more than the window. */
  static async begin(
    model: Model,
    opening: Opening,
    messages: readonly Message[],
    stop: StopOptions,
  ): Promise<Dialogue> {
    const session = await model.session({ ...stop, ...sessionOf(opening) });
    const dialogue = new Dialogue(model, session, opening);
    try {
      await dialogue.#count();
      const requested = dialogue.usage + (await dialogue.measure(messages, stop));
      if (requested > dialogue.window) throw quotaExceeded(requested, dialogue.window);
      await dialogue.#tell(messages, stop);
      await dialogue.#read(dialogue.#state.pending, stop);
      await dialogue.#count();
      dialogue.#initial = dialogue.#state;
      return dialogue;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** One that was kept; the first `initial` messages of its session are how it began. */
  static async resume(
    model: Model,
    session: Session,
    callable: Callable | undefined,
    initial: number,
  ): Promise<Dialogue> {
    const dialogue = new Dialogue(model, session, { system: undefined, callable });
    const messages = await session.messages();
    const open = (at: number): boolean => messages[at - 1]?.role === 'user';
    dialogue.#change({ said: messages.length, open: open(messages.length) });
    await dialogue.#count();
    const groups: Group[] = [];
    let group: Message[] = [];
    for (const [i, message] of messages.entries()) {
      if (i < initial) continue;
      group.push(message);
      if (message.role === 'user' && i < messages.length - 1) continue;
      groups.push({ messages: group, tokens: await session.measure(exchangesOf(group)) });
      group = [];
    }
    const { usage } = dialogue;
    const rest = groups.reduce((sum, { tokens }) => sum + tokens, 0);
    dialogue.#initial = { said: initial, pending: '', open: open(initial), groups: [], usage: usage - rest };
    dialogue.#change({ groups });
    return dialogue;
  }

  get window(): number {
    return this.#model.info.maxTokens;
  }
  get usage(): number {
    return this.#state.usage;
  }
  /** Nothing was said yet: a system text may still come. */
  get isBlank(): boolean {
    return this.#state.usage === 0;
  }

  /** Tokens that these messages would add. */
  async measure(messages: readonly Message[], stop: StopOptions): Promise<number> {
    const { pending } = this.#state;
    if (messages.length === 0) return 0;
    const all = await this.#session.measure(this.#led(exchangesOf(messages, pending)), stop);
    return Math.max(0, all - (await this.#waiting()));
  }

  /** Make room for these messages. Resolves to whether others had to go. Errors: `QuotaExceededError`, then nothing went. */
  async makeRoom(messages: readonly Message[], stop: StopOptions): Promise<boolean> {
    const added = await this.measure(messages, stop);
    const requested = this.usage + added;
    if (requested <= this.window) return false;
    if ((await this.#least(messages, added, stop)) > this.window) throw quotaExceeded(requested, this.window);
    let over = requested - this.window;
    do {
      const { groups } = this.#state;
      let gone = 0;
      for (; gone < groups.length && over > 0; gone++) over -= groups[gone]!.tokens;
      await this.#evict(gone, stop);
      over = this.usage + (await this.measure(messages, stop)) - this.window;
    } while (over > 0 && this.#state.groups.length > 0);
    if (over > 0) throw quotaExceeded(over + this.window, this.window);
    return true;
  }

  append(messages: readonly Message[], stop: StopOptions): Promise<void> {
    return this.#whole(async () => {
      const before = this.usage;
      await this.#tell(messages, stop);
      if (this.#state.pending.length > LONG_TEXT) await this.#read(this.#state.pending, stop);
      await this.#count();
      this.#group(messages, before);
    });
  }

  /** Answer these messages. Errors: `SyntaxError` where the answer was cut inside of the form that was asked for. */
  ask(messages: readonly Message[], options: AskOptions, onPiece: (text: string) => void): Promise<void> {
    return this.#whole(async () => {
      const { signal, begin = '' } = options;
      const before = this.usage;
      await this.#tell(messages, signal ? { signal } : {});
      const [text, line] = splitText(this.#state.pending);
      await this.#read(text, signal ? { signal } : {});
      const question = line === '' && !this.#state.open ? BLANK : line;
      let said = begin;
      const speak = (piece: string): void => {
        said += piece;
        onPiece(piece);
      };
      const { callable } = this.#opening;
      const asked = await askWithTools(this.#session, this.#lead(question), options, callable, speak);
      this.#change({ said: this.#state.said + asked - (question === '' ? 1 : 0), pending: '', open: false });
      await this.#count();
      this.#group([...messages, { role: 'assistant', text: said }], before);
    });
  }

  async clone(stop: StopOptions): Promise<Dialogue> {
    const clone = new Dialogue(this.#model, await this.#session.clone(stop), this.#opening);
    clone.#state = this.#state;
    clone.#initial = this.#initial;
    return clone;
  }

  /** Keep it under a name from now on. */
  async keep(id: string, stop: StopOptions): Promise<void> {
    await this.#read(this.#state.pending, stop);
    const kept = await this.#session.clone({ id, ...stop });
    await this.#session.close();
    this.#session = kept;
    await this.#count();
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  #change(state: Partial<State>): void {
    this.#state = { ...this.#state, ...state };
  }
  #group(messages: readonly Message[], before: number): void {
    this.#change({ groups: [...this.#state.groups, { messages, tokens: this.usage - before }] });
  }
  /** Behind a text that stands there, an empty line comes in between. */
  #lead(question: string): string {
    return this.#state.open && question !== '' ? `\n${question}` : question;
  }
  #led([first, ...rest]: readonly Exchange[]): Exchange[] {
    return first ? [{ ...first, question: this.#lead(first.question) }, ...rest] : [];
  }
  /** Tokens of what is still to be read, and of what ends the user's turn. */
  async #waiting(): Promise<number> {
    const { pending, open, said } = this.#state;
    const stands = open || pending !== '' || (said === 0 && this.#opening.system !== undefined);
    return stands ? this.#session.measure([{ question: this.#lead(pending) }]) : 0;
  }
  async #count(): Promise<void> {
    const { tokens } = await this.#session.stats();
    this.#change({ usage: tokens + (await this.#waiting()) });
  }

  /** Read text of the user's now. */
  async #read(text: string, stop: StopOptions): Promise<void> {
    if (text === '') return;
    const { open, said } = this.#state;
    await this.#session.append(open ? `\n\n${text}` : text, stop);
    this.#change({ said: said + 1, pending: '', open: true });
  }

  /** Read messages; a short last one of the user's waits for what follows. */
  async #tell(messages: readonly Message[], stop: StopOptions): Promise<void> {
    for (const { role, text } of messages) {
      if (role === 'user') {
        this.#change({ pending: joined(this.#state.pending, text) });
        continue;
      }
      const [long, line] = splitText(this.#state.pending);
      await this.#read(long, stop);
      const question = line === '' && !this.#state.open ? BLANK : line;
      await this.#session.tell(this.#lead(question), text, stop);
      this.#change({ said: this.#state.said + (question === '' ? 1 : 2), pending: '', open: false });
    }
  }

  /** All of it, or it was never said. */
  async #whole(run: () => Promise<void>): Promise<void> {
    const before = this.#state;
    try {
      await run();
    } catch (error) {
      this.#state = before;
      // A session that was closed has nothing to forget.
      await this.#session.rewind(before.said).catch(() => undefined);
      throw error;
    }
  }

  /** Tokens that would be taken if all went that may go. */
  async #least(messages: readonly Message[], added: number, stop: StopOptions): Promise<number> {
    if (this.#initial.said > 0) return this.#initial.usage + added;
    const fresh = await this.#model.session({ ...stop, ...sessionOf(this.#opening) });
    try {
      return await fresh.measure(exchangesOf(messages), stop);
    } finally {
      await fresh.close();
    }
  }

  /** Forget the oldest groups. What stays behind how it began is read again. */
  async #evict(count: number, stop: StopOptions): Promise<void> {
    const stay = this.#state.groups.slice(count);
    await this.#session.rewind(this.#initial.said);
    this.#state = { ...this.#initial, groups: [] };
    for (const { messages } of stay) await this.append(messages, stop);
  }
}
