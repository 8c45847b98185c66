import type {
  Backend,
  ChunkIndex,
  ChunkShape,
  KvLayer,
  Plan,
  Scores,
  Tensor,
  Tiles,
} from '../backends/backend.js';

/** What the engine must keep for a predictor. The engine obeys it and never asks for a name. */
export interface Needs {
  /** One list of ranges per KV head, or one for the whole layer. */
  readonly lists: 'kv-head' | 'layer';
  /** Chunks and their summaries, if it selects chunks. */
  readonly chunks?: Pick<ChunkShape, 'boundaries' | 'means' | 'sketches' | 'bounds'>;
  /** A second plan and score buffer for two-stage selection. */
  readonly candidates: boolean;
  /**
   * Rows of questions and answers that share a plan, aligned to absolute positions: the first of them chooses for all, and
   * the others add themselves. A power of two up to 32; 1 where it is left out.
   */
  readonly reuse?: number;
  /**
   * Rows of questions and answers that share candidates, aligned in the same way: the first of them names those, and every
   * row chooses for itself among them. Then every layer keeps its candidates from call to call. A power of two up to 16.
   */
  readonly refresh?: number;
  /** How far under the running maximum all logits of a block of keys must be for attention to leave it out. Default: never. */
  readonly skipBelow?: number;
  /** A multiple of PAGE that no call of such rows crosses: before it their plans are made in another way. Default: none. */
  readonly edge?: number;
  /** Rows of questions and answers come one in a call: what each reads may follow from what the one before it read. */
  readonly oneByOne?: boolean;
  /** The most tokens that a row of its own chooses behind so many, and that its candidates are. Left out: all of them. */
  readonly most?: (tokens: number) => { readonly chosen: number; readonly named: number };
  /** `plan` reads pages, not only summaries: all of them must be in memory, whatever the budget. Default false. */
  readonly wholeContext?: boolean;
  /**
   * `plan` looks at numbers with `Backend.peek`, which only a CPU has: elsewhere a context is refused with
   * `unsupported/backend`. Default false.
   */
  readonly host?: boolean;
  /**
   * Plans depend on absolute positions and earlier tokens only, so that pages written under it may be shared by every
   * text with the same prefix. Others write private pages.
   */
  readonly prefixStable: boolean;
}

/** How queries and keys of a layer were turned: what reads them before that turns them back, on the host. */
export interface Turned {
  /** Channels of a head that were turned; the others stay as they are. */
  readonly dim: number;
  readonly pairing: 'half' | 'adjacent';
  /** (rows, dim): cosines, then sines, of rows from an absolute position on. */
  angles(position: number, rows: number): Float32Array;
}

/** What a predictor may look at. All of it lives on the device. */
export interface PredictInput {
  /** Which of the layers in `chunks` this is. */
  readonly layer: number;
  readonly tiles: Tiles;
  /** (rows, heads · keyDim), after RoPE. */
  readonly q: Tensor;
  readonly kv: KvLayer;
  /** Multiplies q·k in attention. */
  readonly scale: number;
  /** Missing where queries and keys are not turned. */
  readonly turned?: Turned | undefined;
  readonly chunks?: ChunkIndex | undefined;
  readonly scores?: Scores | undefined;
  readonly candidates?: Plan | undefined;
}

/** What may rest beside the segments of one context's text. */
export interface BesideSegments {
  /**
   * What `saveBeside` put beside segments of `ids` under these names; `undefined` where nothing rests, or not as it was
   * written.
   */
  readBeside(
    ids: ArrayLike<number>,
    wants: readonly { readonly segment: number; readonly name: string }[],
  ): Promise<(Uint8Array | undefined)[]>;
  /** Put bytes beside segment `segment` of `ids`, if that is stored; they go with it. Whoever needs them can do without. */
  saveBeside(ids: ArrayLike<number>, segment: number, name: string, bytes: Uint8Array): Promise<void>;
}

/** Keeps the notes of one context beside the segment that their run ends in. */
export interface NotesKeeper {
  /** Take what rests of runs that end in whole segments [from, to) of `ids`. */
  restore(ids: ArrayLike<number>, from: number, to: number, layers: readonly KvLayer[]): Promise<void>;
  /** Hand over what was noted since of runs that lie in the first `segments` of `ids`. */
  save(ids: ArrayLike<number>, segments: number, layers: readonly KvLayer[]): Promise<void>;
  /** Runs that do not lie in the first `segments` will be of other keys. */
  forget(segments: number): void;
}

/** Makes a keeper of a context's notes, whose text is `chain`; `pages`: those of a segment. In the script of whoever has notes. */
export type KeepNotes = (chain: BesideSegments, pages: number) => NotesKeeper;

/**
 * Writes plans: what to read. One attention kernel obeys every plan, so a method is only this. `plan` composes verbs;
 * it must not read back, and looks at numbers only where it says so (`Needs.host`).
 */
export interface Predictor {
  readonly name: string;
  readonly needs: Needs;
  /** Options in effect, in canonical form. */
  readonly signature: string;
  /**
   * Of them those that shape the pages of a text, and what is noted with these: part of the key under which they are
   * stored. Methods that read a text alike share them, however they answer. Default: all of `signature`.
   */
  readonly reads?: string;
  plan(backend: Backend, input: PredictInput, out: Plan): void;
  /** What it notes of stored keys and rests in the store beside them. Default: nothing. */
  readonly notes?: KeepNotes;
  /** What it counted since it was made, over all contexts, by name. */
  counts?(): Readonly<Record<string, number>>;
}

/** What of a predictor shapes the pages of a text. */
export const readsOf = ({ reads, signature }: Predictor): string => reads ?? signature;
