import { KIND, type Network, type Node } from './network.js';
import { unsupportedGrammar } from './refusal.js';

/** The nodes of which `isSo` holds, given that it holds of `known`, until no more are found. */
const closureOf = (
  { kinds }: Network,
  isSo: (node: Node, known: (node: Node) => boolean) => boolean,
): ((node: Node) => boolean) => {
  const found = new Uint8Array(kinds.length);
  const known = (node: Node): boolean => found[node] === 1;
  for (let before = -1, count = 0; count > before; ) {
    before = count;
    // A part is made from its end, so a single pass finds nearly all.
    for (let node = 0; node < kinds.length; node++) {
      if (known(node) || !isSo(node, known)) continue;
      found[node] = 1;
      count += 1;
    }
  }
  return known;
};

/**
 * Cuts off what can never come to an end, so that whatever may be said can be finished, and refuses what calls itself
 * before it has read anything.
 */
export const prune = (option: string, network: Network): Network => {
  const { start, kinds, sets, outs } = network;
  const ends = closureOf(network, (node, known) => {
    const kind = kinds[node];
    if (kind === KIND.bytes) return known(outs[node]![0]!) && sets[node]!.some((word) => word !== 0);
    if (kind === KIND.call) return outs[node]!.every(known);
    return kind === KIND.end || outs[node]!.some(known);
  });
  if (!ends(start)) throw unsupportedGrammar(option, 'empty', 'nothing at all matches it');
  const kept = outs.map((nodes, node) => (kinds[node] === KIND.fork ? nodes.filter(ends) : nodes));
  const pruned: Network = { start, kinds, sets, outs: kept };
  const isEmpty = closureOf(pruned, (node, known) => {
    const kind = kinds[node];
    if (kind === KIND.call) return kept[node]!.every(known);
    return kind === KIND.end || (kind === KIND.fork && kept[node]!.some(known));
  });

  if (callsItself(pruned, ends, isEmpty)) {
    throw unsupportedGrammar(option, 'recursion', 'a part of it calls itself before it has read anything');
  }
  return pruned;
};

/**
 * Whether a call leads back to itself over steps that read nothing: then a strongly connected component of these steps
 * (Tarjan 1972, without recursion) holds both the call and the rule that it calls.
 */
const callsItself = (
  { kinds, outs }: Network,
  ends: (node: Node) => boolean,
  isEmpty: (node: Node) => boolean,
): boolean => {
  const silent = (node: Node): readonly Node[] => {
    const kind = kinds[node];
    if (kind === KIND.fork) return outs[node]!;
    if (kind !== KIND.call || !ends(node)) return [];
    return isEmpty(outs[node]![0]!) ? outs[node]! : outs[node]!.slice(0, 1);
  };
  const order = new Int32Array(kinds.length);
  const low = new Int32Array(kinds.length);
  const component = new Int32Array(kinds.length);
  const open: Node[] = [];
  let met = 0;
  for (let root = 0; root < kinds.length; root++) {
    if (order[root] !== 0) continue;
    const path: { readonly node: Node; readonly to: readonly Node[]; next: number }[] = [];
    const enter = (node: Node): void => {
      order[node] = low[node] = ++met;
      open.push(node);
      path.push({ node, to: silent(node), next: 0 });
    };
    enter(root);
    while (path.length > 0) {
      const top = path.at(-1)!;
      const { node } = top;
      if (top.next < top.to.length) {
        const to = top.to[top.next++]!;
        if (order[to] === 0) enter(to);
        else if (component[to] === 0) low[node] = Math.min(low[node]!, order[to]!);
        continue;
      }
      path.pop();
      const before = path.at(-1)?.node;
      if (before !== undefined) low[before] = Math.min(low[before]!, low[node]!);
      if (low[node] !== order[node]) continue;
      for (let member = -1; member !== node; ) {
        member = open.pop()!;
        component[member] = order[node]!;
      }
    }
  }
  return kinds.some((kind, node) => kind === KIND.call && component[node] === component[outs[node]![0]!]);
};
