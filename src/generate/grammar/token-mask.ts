import type { Node } from './network.js';
import type { Frame, Recogniser, State } from './recogniser.js';
import type { TokenTrie } from './token-trie.js';

/** Which tokens may follow at a node whatever rules it is in, and where in the trie its rule is left. */
interface Inside {
  readonly mask: Uint32Array;
  readonly exits: readonly number[];
}

/** Masks of nodes that are remembered: a bit for each token. */
const MOST_MASKS = 256;
/** Above this many ways of reading they are walked together. */
const MOST_APART = 32;

/**
 * Which tokens may follow a state, as bits. The trie is walked for a node by itself and that is remembered, since most of
 * what may come does not depend on the rules around it (Dong et al. 2024, XGrammar, section 3.1); only from where its rule
 * is left the walk goes on in the rules around it, and those are few tokens.
 */
export const createTokenMask = (
  recogniser: Recogniser,
  trie: TokenTrie,
): ((state: State, mask: Uint32Array) => void) => {
  const { step, stateAt, bottom } = recogniser;
  const { bytes, depths, ends, first, tokens, deepest } = trie;
  const known = new Map<Node, Inside>();
  const along = new Array<State>(deepest + 1);

  const take = (mask: Uint32Array, place: number): void => {
    for (let i = first[place]!; i < first[place + 1]!; i++) {
      const id = tokens[i]!;
      mask[id >> 5]! |= 1 << (id & 31);
    }
  };
  /** Takes what may follow `from` below a place of the trie; `onEnd` hears where `from` may have come to its end. */
  const walk = (from: State, below: number, mask: Uint32Array, onEnd?: (place: number) => void): void => {
    along[depths[below]!] = from;
    const end = ends[below]!;
    for (let place = below + 1; place < end; ) {
      const state = step(along[depths[place]! - 1]!, bytes[place]!);
      if (state === undefined) {
        place = ends[place]!;
        continue;
      }
      take(mask, place);
      if (state.accepts) onEnd?.(place);
      if (state.places.length === 0) place = ends[place]!;
      else {
        along[depths[place]!] = state;
        place += 1;
      }
    }
  };
  const inside = (node: Node): Inside => {
    const found = known.get(node);
    if (found) return found;
    const mask = new Uint32Array((trie.vocab + 31) >> 5);
    const exits: number[] = [];
    walk(stateAt(node, bottom), 0, mask, (place) => {
      if (ends[place]! > place + 1) exits.push(place);
    });
    if (known.size >= MOST_MASKS) known.clear();
    known.set(node, { mask, exits });
    return { mask, exits };
  };

  return (state, mask) => {
    if (state.places.length > MOST_APART) {
      walk(state, 0, mask);
      return;
    }
    const outer = new Map<Frame, State>();
    for (const { node, frame } of state.places) {
      const { mask: own, exits } = inside(node);
      for (let i = 0; i < own.length; i++) mask[i]! |= own[i]!;
      if (!frame.parent || exits.length === 0) continue;
      let around = outer.get(frame);
      if (!around) {
        around = stateAt(frame.node, frame.parent);
        outer.set(frame, around);
      }
      for (const place of exits) walk(around, place, mask);
    }
  };
};
