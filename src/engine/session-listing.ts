/** A session kept on this device. */
export interface StoredSession {
  readonly id: string;
  /** What people call it: its id, unless it was given another title. */
  readonly title: string;
  /** These are 0 where `restores` is `nothing` because they cannot be read. */
  readonly tokens: number;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** When it last changed, in milliseconds since 1970. */
  readonly used: number;
  /**
   * Bytes of its pages. `own`: what deleting it frees. `shared`: whole segments of text, which any session that begins
   * with the same text uses, and pages that it has in common with clones.
   */
  readonly bytes: { readonly own: number; readonly shared: number };
  /**
   * What opening it with this model brings: its `pages`, as far as they are all still there; its `tokens`, which are read
   * again; or `nothing`, because it cannot be opened.
   */
  readonly restores: 'pages' | 'tokens' | 'nothing';
  /** Why not its pages, in words. */
  readonly problem?: string;
}

/** What opening a kept session would find. */
export interface SessionProbe {
  /** 0 where it cannot be read. */
  readonly tokens: number;
  /** Tokens whose pages are stored; the others are read again when it is opened. */
  readonly restorableTokens: number;
  /** Whether it can be opened with this model at all. */
  readonly opens: boolean;
  /** Why not all of it, in words. */
  readonly reason?: string;
}
