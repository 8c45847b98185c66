/** Where a model's bytes come from, read in order from the first. */
export interface Source {
  /** Names the source in errors: a URL, a path, "the Blob". */
  readonly label: string;
  /** Bytes in all. A URL answers this with its first piece, if at all; the others know it then at the latest. */
  readonly size: number | undefined;
  /** Bytes that came over the network so far. Default 0. */
  readonly received?: number;
  /** Whether the file is kept on this device for the next time, as far as that is known. Default false. */
  readonly isKept?: boolean;
  /** What the caller should know: why a file is not kept, for instance. */
  readonly warnings?: readonly string[];
  /**
   * The bytes in pieces of the source's own size. Nothing is opened before the first piece is asked for, and leaving
   * the loop closes what was opened. Rejects with `model/unreachable`, or as `signal` says.
   */
  pieces(signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;
}
