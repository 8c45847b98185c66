import { type Fragment, KIND, type Network, type Node } from './network.js';
import { prune } from './prune.js';
import { unsupportedGrammar } from './refusal.js';

/** Makes the fragments of one network. Parts that several places use are rules: a network may call itself. */
export interface Builder {
  readonly nothing: Fragment;
  /** One byte of these ranges, both ends included. */
  bytes(...ranges: readonly (readonly [number, number])[]): Fragment;
  sequence(...parts: readonly Fragment[]): Fragment;
  choice(...parts: readonly Fragment[]): Fragment;
  optional(part: Fragment): Fragment;
  /** `part` between `least` and `most` times; `most` may be Infinity. */
  repeat(part: Fragment, least: number, most: number): Fragment;
  /** The rule called `name`, made by `body` when it is first asked for. */
  rule(name: string, body: () => Fragment): Fragment;
  text(text: string): Fragment;
  build(root: Fragment): Network;
}

/** What a compiled grammar may be at most: beyond it a mask would cost more than a token. */
const MOST_NODES = 60_000;

const encoder = new TextEncoder();

export const createBuilder = (option: string): Builder => {
  const kinds: number[] = [];
  const sets: (Uint32Array | undefined)[] = [];
  const outs: Node[][] = [];
  const rules = new Map<string, Node>();

  const add = (kind: number, out: Node[], set?: Uint32Array): Node => {
    if (kinds.length >= MOST_NODES) {
      throw unsupportedGrammar(option, 'size', `it takes more than ${MOST_NODES} steps`);
    }
    kinds.push(kind);
    outs.push(out);
    sets.push(set);
    return kinds.length - 1;
  };
  const end = add(KIND.end, []);

  const builder: Builder = {
    nothing: (next) => next,
    bytes: (...ranges) => {
      const set = new Uint32Array(8);
      for (const [from, to] of ranges) {
        for (let byte = from; byte <= to; byte++) set[byte >> 5]! |= 1 << (byte & 31);
      }
      return (next) => add(KIND.bytes, [next], set);
    },
    sequence:
      (...parts) =>
      (next) =>
        parts.reduceRight((after, part) => part(after), next),
    choice:
      (...parts) =>
      (next) =>
        parts.length === 1
          ? parts[0]!(next)
          : add(
              KIND.fork,
              parts.map((part) => part(next)),
            ),
    optional: (part) => (next) => add(KIND.fork, [part(next), next]),
    repeat: (part, least, most) => (next) => {
      const copies = most === Number.POSITIVE_INFINITY ? least : most;
      if (copies > MOST_NODES || most < least) {
        throw unsupportedGrammar(option, 'repeat', `nothing can be repeated ${least} to ${most} times here`);
      }
      let after = next;
      if (most === Number.POSITIVE_INFINITY) {
        const loop = add(KIND.fork, []);
        outs[loop]!.push(part(loop), next);
        after = loop;
      }
      for (let i = copies; i > 0; i--) {
        const before = after;
        after = part(after);
        // A part that is always empty may be repeated as often as one likes.
        if (after === before) break;
        // Whoever stops repeating goes straight to the end, not through the copies that are left.
        if (i > least) after = add(KIND.fork, [after, next]);
      }
      return after;
    },
    rule: (name, body) => (next) => {
      let start = rules.get(name);
      if (start === undefined) {
        start = add(KIND.fork, []);
        rules.set(name, start);
        outs[start]!.push(body()(end));
      }
      return add(KIND.call, [start, next]);
    },
    text: (text) =>
      builder.sequence(...Array.from(encoder.encode(text), (byte) => builder.bytes([byte, byte]))),
    build: (root) => prune(option, { start: root(end), kinds, sets, outs }),
  };
  return builder;
};
