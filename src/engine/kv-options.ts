/** How pages are encoded and where they rest. */
export interface KvOptions {
  /**
   * Codec of keys. `q8` (default): one byte a channel after a Hadamard rotation; `f16`: two bytes, exact to half precision.
   * `q4`: half a byte, only where a trial at load shows that this model bears it, else `input/option`; `auto`: `q4` where it
   * does, else `q8`, as `model.info.keys` says. The trial reads 256 tokens twice; its outcome is kept in the store.
   */
  readonly keys?: 'q8' | 'q4' | 'f16' | 'auto';
  /** Codec of values. `q8` (default), `q4`: 5 bits a number, a little less exact; `q2`: 3 bits, rough; `f16`: two bytes. */
  readonly values?: 'q8' | 'q4' | 'q2' | 'f16';
  /**
   * Channels of a key that are kept: those that matter most to its product with queries, by the model's own weights, found at
   * load (after ThinK, arXiv 2407.21018, which chooses for a prompt). A multiple of 16. Pages and attention shrink with it; what
   * it costs a model must be tried. Layers that slide keep all. Default: all.
   */
  readonly keyChannels?: number;
  /**
   * Channels of a value head that are kept: the best of as many as the model has, found by singular values at load (CSKV, arXiv
   * 2409.10593, of values alone). A multiple of 16. Pages and attention shrink with it; what it costs a model must be tried.
   * What was quantised comes out as Q8_0. Default: all.
   */
  readonly valueChannels?: number;
  /**
   * Where read text is kept. `idb` (default where there is IndexedDB): on the device, until it is deleted. `memory` (default
   * elsewhere): until the model is closed. `none`: nowhere, so every session reads its text itself. `opfs`: as `idb`, but
   * large records are files of the origin-private file system, which are read faster; only in a worker, where `load`
   * puts the engine.
   */
  readonly store?: 'idb' | 'opfs' | 'memory' | 'none';
  /**
   * Bytes that the texts of all open contexts may take in memory together, as a number or as text ('256MB'): pages, what
   * is kept to choose among them, tokens. Beyond it pages rest in the store alone and are fetched when they are read, to
   * the same result. Default: an eighth of the device's memory where the browser tells it, else '512MB'.
   */
  readonly memory?: number | string;
  /** Name of the database. Default `longhand`. Models may share one; each finds what it read itself. */
  readonly database?: string;
  /**
   * When a write counts as done: handed to the system (`relaxed`, default; a power cut may cost the last of them) or
   * flushed to the disk (`strict`, slower).
   */
  readonly durability?: 'relaxed' | 'strict';
  /**
   * Encrypts what is stored, names of sessions included, with keys derived from this one: a `CryptoKey` for HKDF that may
   * `deriveKey` and need not be extractable (docs/PRIVACY.md). It lies in a database of its own, and `load` rejects with
   * `storage/key` where that was encrypted with another key. Model files are not encrypted, exported sessions where
   * `exportSession` is told so. Default: nothing is.
   */
  readonly encryption?: CryptoKey;
  /**
   * Bytes that everything stored may have, as a number or as text such as '2GB'. Beyond, what was used longest ago is
   * evicted, and read again when it is next needed; token lists of sessions stay, and so does what is open in any tab.
   * Default: half of what the browser says this site may use; no limit where it does not say, and for `memory`.
   */
  readonly disk?: number | string;
  /**
   * Whether the browser is asked, when the first session with an `id` is opened, to keep what is stored until the user
   * deletes it (`navigator.storage.persist()`; Firefox asks the user). `stats().persisted` tells the answer. Default true.
   */
  readonly persist?: boolean;
}
