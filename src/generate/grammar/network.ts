/** Where a network goes on; the number of a node. */
export type Node = number;

/** A part of a grammar: given the node that follows it, the node where it begins. */
export type Fragment = (next: Node) => Node;

export const KIND = { bytes: 0, fork: 1, call: 2, end: 3 } as const;

/** Steps of a grammar: read a byte, fork, call a rule, or return from one. */
export interface Network {
  readonly start: Node;
  readonly kinds: readonly number[];
  /** Of a node that reads: 8 words of 32 bits, the bytes it takes. */
  readonly sets: readonly (Uint32Array | undefined)[];
  /** Where each goes: the node after a byte, the branches of a fork, a rule's start and where it returns to. */
  readonly outs: readonly (readonly Node[])[];
}
