import { placeKept } from './addresses.js';
import { abortable, type CallOptions, type StopOptions, withoutCall } from './call.js';
import { Context } from './context.js';
import type { Engine, ModelInfo, ModelSource, SessionProbe, StoredSession } from './engine/engine.js';
import type { EngineOptions } from './engine/options.js';
import type { ContextOptions, ProbeSettings, SessionOptions } from './engine/session-options.js';
import type { ExportedSession } from './kv/export-session.js';
import type { ExportSettings, ImportSettings } from './kv/file-options.js';
import type { ImportedSession } from './kv/import-session.js';
import type { TextProbe } from './kv/probe-text.js';
import { askToPersist } from './persist.js';
import { Session } from './session.js';

export interface LoadOptions extends EngineOptions, CallOptions {}
export interface OpenOptions extends SessionOptions, CallOptions {}
export interface ProbeOptions extends ProbeSettings, StopOptions {}
export interface ExportOptions extends ExportSettings, CallOptions {}
export interface ImportOptions extends ImportSettings, CallOptions {}

/** A model that is ready. */
export class Model {
  readonly info: ModelInfo;
  readonly #engine: Engine;
  readonly #model: number;
  readonly #persist: boolean;

  /** @internal */
  constructor(engine: Engine, model: number, info: ModelInfo, persist = true) {
    this.#engine = engine;
    this.#model = model;
    this.#persist = persist && info.store !== 'none' && info.store !== 'memory';
    this.info = info;
  }

  /**
   * Open a conversation: a new one, or the one kept under `id`, whose pages are then fetched from the store. Rejects
   * with `input/busy` while another tab or caller has it open (unless it is to `wait`, or only to read), `input/option` where it was begun with another system
   * text or tokenizer, `input/too-long` where `maxTokens` is now too small for it, `storage/corrupt` and
   * `storage/version` where what is stored cannot be read.
   */
  async session(options: OpenOptions = {}): Promise<Session> {
    const engine = this.#engine;
    let opened: { readonly context: number; readonly tokens: number } | undefined;
    try {
      opened = await abortable(engine, options, async (call, onProgress) => {
        opened = await engine.openSession(this.#model, placeKept(withoutCall(options)), call, onProgress);
        return opened;
      });
    } catch (error) {
      // Opened, but `onProgress` threw: nobody else could close it.
      if (opened) await engine.closeContext(opened.context);
      throw error;
    }
    if (options.id !== undefined && this.#persist) askToPersist();
    return new Session(engine, opened.context, opened.tokens);
  }

  /** Open an empty context. */
  async context(options: ContextOptions = {}): Promise<Context> {
    return new Context(this.#engine, await this.#engine.openContext(this.#model, placeKept(options)));
  }

  /** Ids of plain text; never a control token, whatever the text says. */
  tokenize(text: string, options: CallOptions = {}): Promise<number[]> {
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.tokenize(this.#model, text, call, onProgress),
    );
  }

  /** Text of ids; control tokens are left out. */
  detokenize(ids: ArrayLike<number>): Promise<string> {
    return this.#engine.detokenize(this.#model, Array.from(ids));
  }

  /**
   * Sessions kept on this device, those of other models that share the database included: `restores` and `problem` say
   * what opening one brings. Reads no texts, so it is quick however long they are.
   */
  sessions(): Promise<StoredSession[]> {
    return this.#engine.sessions(this.#model);
  }

  /**
   * What appending a text to a new session would find of it, or appending ids to a new context, and why not all of it;
   * `system` is the session's. Waits until what was read is written, reads no pages, changes nothing. Rejects with
   * `input/too-long` where it fits no context, `storage/unavailable` where nothing is kept, `unsupported/transfer` where
   * `transfer.js` cannot be fetched.
   */
  probe(textOrIds: string | ArrayLike<number>, options: ProbeOptions = {}): Promise<TextProbe> {
    const isList = typeof textOrIds === 'object' && textOrIds !== null && 'length' in textOrIds;
    const what = isList ? Array.from(textOrIds) : (textOrIds as string);
    return abortable(this.#engine, options, (call) =>
      this.#engine.probeText(this.#model, what, withoutCall(options), call),
    );
  }

  /**
   * What opening a kept session would find, and why not all of it. Looks whether its pages are there and reads none, so
   * damage shows only when it is opened. Rejects with `input/option` where there is no such session.
   */
  probeSession(id: string): Promise<SessionProbe> {
    return this.#engine.probeSession(this.#model, id);
  }

  /** Give a kept session another title; its id stays. Rejects with `input/busy` while another tab has it open. */
  renameSession(id: string, title: string): Promise<void> {
    return this.#engine.renameSession(this.#model, id, title);
  }

  /**
   * Keep a second session as the first was last stored, open or not, here or elsewhere. Both rest on the same pages, so
   * it takes milliseconds and the room of its token ids. Rejects with `input/exists` where there is one called so.
   */
  cloneSession(id: string, clone: { readonly id: string; readonly title?: string }): Promise<void> {
    return this.#engine.cloneSession(this.#model, id, clone.id, clone.title);
  }

  /** Delete a kept session; what others use stays. Rejects with `input/busy` while it is open anywhere. */
  deleteSession(id: string): Promise<void> {
    return this.#engine.deleteSession(this.#model, id);
  }

  /**
   * Delete the pages of a kept session, but for those that others use, and keep its tokens: they are read again when it is
   * next opened and asked. Resolves to the bytes that are free again. Rejects with `input/busy` while it is open anywhere,
   * `input/option` where there is no such session, `unsupported/transfer` where `transfer.js` cannot be fetched. Of pages that
   * another model or method made only those of its end go.
   */
  evictSession(id: string): Promise<number> {
    return this.#engine.evictSession(this.#model, id);
  }

  /**
   * A kept session in one file, with its pages as it was last stored. Pages that the store has lost stay out, and
   * `restorableTokens` and `reason` say so. Memory does not grow with the text. `onProgress` counts tokens. Rejects with
   * `input/option` where the store is encrypted and it is not said whether the file is to be.
   */
  exportSession(id: string, options: ExportOptions = {}): Promise<ExportedSession> {
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.exportSession(this.#model, id, withoutCall(options), call, onProgress),
    );
  }

  /**
   * Keep a session from a file, whole or not at all; open it with `session()` like any other. Where its pages were made
   * with another method or build, its tokens alone are kept and read again, as `reason` says. Its pages are its own, never
   * found by other sessions. Rejects with `input/exists` where there is one of that id (give another one), `storage/corrupt`
   * where the file is damaged, `storage/version` where it is of a newer Longhand, `input/option` where its model has another
   * tokenizer, `storage/key` where it was encrypted with another key than is given, `storage/quota` where there is no room.
   */
  importSession(
    file: Blob | ArrayBuffer | Uint8Array,
    options: ImportOptions = {},
  ): Promise<ImportedSession> {
    const bytes = file instanceof ArrayBuffer || ArrayBuffer.isView(file);
    const blob = bytes ? new Blob([file as BlobPart]) : file;
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.importSession(this.#model, blob, withoutCall(options), call, onProgress),
    );
  }

  /** End what runs, keep what was read, free everything: contexts, weights, the worker. Closing twice is no error. */
  close(): Promise<void> {
    return this.#engine.close();
  }
}

/** Load a model on an engine. */
export const loadOn = async (
  engine: Engine,
  source: ModelSource,
  options: LoadOptions = {},
): Promise<Model> => {
  try {
    const { model, info } = await abortable(engine, options, (call, onProgress) =>
      engine.load(source, withoutCall(options), call, onProgress),
    );
    return new Model(engine, model, info, options.kv?.persist);
  } catch (error) {
    await engine.close();
    throw error;
  }
};
