import { KIND, type Network, type Node } from './network.js';
import { unsupportedGrammar } from './refusal.js';

/** A rule that was called and has not returned. */
export interface Frame {
  /** Where it returns to. */
  readonly node: Node;
  readonly parent: Frame | undefined;
  readonly calls: Map<Node, Frame>;
  readonly id: number;
}

/** Where a recogniser stands: every way of reading what it has read. */
export interface State {
  /** Nodes that read a byte, and the rules that each is in. */
  readonly places: readonly { readonly node: Node; readonly frame: Frame }[];
  /** What was read is whole. */
  readonly accepts: boolean;
  /** Where the bytes of each class lead. */
  readonly next: (State | undefined)[];
}

/** Reads bytes; `undefined` where nothing goes on. */
export interface Recogniser {
  readonly start: State;
  step(state: State, byte: number): State | undefined;
  /** As it stands at `node`, in `frame`; accepts where the frame of the call is left. */
  stateAt(node: Node, frame: Frame): State;
  /** A frame that no rule is in: whoever leaves it is at the end. */
  readonly bottom: Frame;
}

/** Ways of reading that are kept apart, and states that are remembered. */
const MOST_PLACES = 2000;
const MOST_STATES = 20_000;

/** Bytes that no step of a network tells apart, as one number each. */
const classesOf = ({ sets }: Network): { readonly classes: Uint8Array; readonly count: number } => {
  const classes = new Uint8Array(256);
  let count = 1;
  for (const set of new Map(sets.map((one) => [String(one), one])).values()) {
    if (!set) continue;
    const split = new Map<number, number>();
    const before = classes.slice();
    const seen = new Set<number>();
    for (let byte = 0; byte < 256; byte++) {
      const key = before[byte]! * 2 + ((set[byte >> 5]! >>> (byte & 31)) & 1);
      if (!split.has(key)) {
        // The first half of a class keeps its number.
        split.set(key, seen.has(before[byte]!) ? count++ : before[byte]!);
        seen.add(before[byte]!);
      }
      classes[byte] = split.get(key)!;
    }
  }
  return { classes, count };
};

/**
 * A network as a machine that reads bytes. Every way of reading is followed at once (Thompson 1968), with a stack of
 * frames for rules that call each other; frames and states are shared, so that what was met before costs one look-up.
 */
export const createRecogniser = (network: Network, option: string): Recogniser => {
  const { kinds, sets, outs } = network;
  const { classes, count } = classesOf(network);
  let frames = 0;
  const newFrame = (node: Node, parent: Frame | undefined): Frame => ({
    node,
    parent,
    calls: new Map(),
    id: frames++,
  });
  const states = new Map<string, State>();
  const bottom = newFrame(-1, undefined);

  const settle = (from: readonly { readonly node: Node; readonly frame: Frame }[]): State | undefined => {
    const seen = new Map<number, Frame[]>();
    const work = [...from].reverse();
    const places: { node: Node; frame: Frame }[] = [];
    let accepts = false;
    for (let place = work.pop(); place; place = work.pop()) {
      const { node, frame } = place;
      const there = seen.get(node);
      if (there?.includes(frame)) continue;
      if (there) there.push(frame);
      else seen.set(node, [frame]);
      const kind = kinds[node];
      const out = outs[node]!;
      if (kind === KIND.bytes) places.push(place);
      else if (kind === KIND.fork) for (const to of out) work.push({ node: to, frame });
      else if (kind === KIND.call) {
        let called = frame.calls.get(out[1]!);
        if (!called) {
          called = newFrame(out[1]!, frame);
          frame.calls.set(out[1]!, called);
        }
        work.push({ node: out[0]!, frame: called });
      } else if (frame.parent) work.push({ node: frame.node, frame: frame.parent });
      else accepts = true;
      if (places.length > MOST_PLACES)
        throw unsupportedGrammar(option, 'ambiguity', 'it can be read in too many ways at once');
    }
    if (places.length === 0 && !accepts) return undefined;
    const key = `${accepts}${places
      .map(({ node, frame }) => `${node}.${frame.id}`)
      .sort()
      .join()}`;
    let state = states.get(key);
    if (!state) {
      if (states.size >= MOST_STATES) states.clear();
      state = { places, accepts, next: new Array(count) };
      states.set(key, state);
    }
    return state;
  };

  return {
    bottom,
    start: settle([{ node: network.start, frame: bottom }])!,
    stateAt: (node, frame) => settle([{ node, frame }])!,
    step(state, byte) {
      const known = state.next[classes[byte]!];
      if (known !== undefined) return known === DEAD ? undefined : known;
      const taken = state.places.filter(({ node }) => (sets[node]![byte >> 5]! >>> (byte & 31)) & 1);
      const next = settle(taken.map(({ node, frame }) => ({ node: outs[node]![0]!, frame })));
      state.next[classes[byte]!] = next ?? DEAD;
      return next;
    },
  };
};

/** Remembered where a byte leads nowhere. */
const DEAD: State = { places: [], accepts: false, next: [] };
