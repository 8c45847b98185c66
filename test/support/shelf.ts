import { drawFact, draws, type Fact } from './facts.js';

/** Passages of a book, each with another fact in it: the fact of a document is what its question asks for. */
export const shelf = (book: string, seed: number, count: number): { documents: string[]; facts: Fact[] } => {
  const d = draws(seed);
  const taken = new Set<string>();
  const lines = book.split(/(?<=[.!?])\s+/);
  const facts = Array.from({ length: count }, () => {
    const fact = drawFact(d, d.of(['number', 'magic', 'note', 'home'] as const), taken);
    taken.add(fact.about);
    return fact;
  });
  const documents = facts.map(({ statement }) => {
    const at = d.below(lines.length - 8);
    return [...lines.slice(at, at + 3), statement, ...lines.slice(at + 3, at + 5)].join(' ');
  });
  return { documents, facts };
};
