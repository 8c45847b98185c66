/** Rewrites the stretch of a GGUF type at `from[at]` as that of a row format at `to[out]`, of which all bytes are zero. */
export type Rewrite = (from: Uint8Array, at: number, to: Uint8Array, out: number) => void;
