import type { Range } from '../backends/backend.js';
import type { Measure, Observed, Policy } from './policy.js';
import { createRetention } from './retention.js';

/** Sentences that say nothing, a fact that none of them tells, and what asks for it: all of our own. */
const FILLER = [
  'The tide came in slowly and the boats turned on their ropes.',
  'A cart went by, and dust lay on the road for a while.',
  'Nobody spoke much, for the afternoon was warm.',
  'Behind the wall somebody was cutting wood.',
  'The children counted swallows until it grew dark.',
];
const NEEDLE = ' The number on the blue door is 48317.';
const QUESTION = ' What is the number on the blue door? The number on the blue door is';
/** Tokens in front of the question, about; the needle lies at a third of them. */
const TOKENS = 2000;
/** Rows that ask. */
const ROWS = 8;

/** The part of a head's attention that rests on `needle`; behind the first tokens, where attention rests when it wants nothing. */
const sharesOn = ({ scores }: Observed, [from, to]: Range, last: number): number[][] =>
  scores.map((heads) =>
    heads.map((own) => {
      const sum = (a: number, b: number): number => own.subarray(a, b).reduce((total, x) => total + x, 0);
      const all = sum(0, last);
      return all > 0 ? Math.min(1, sum(from, to) / all) : 0;
    }),
  );

/** What each head of a model does with a needle: the share of its attention that the question's last rows lay on it. */
export const estimateHeads = async (measure: Measure): Promise<number[][]> => {
  const encode = (text: string): Promise<number[]> => measure.encode(text);
  const fill = await encode(`${FILLER.join(' ')} `);
  const [needle, question] = [await encode(NEEDLE), await encode(QUESTION)];
  const room = Math.min(TOKENS, measure.maxTokens - needle.length - question.length - 2);
  const filler = Array.from({ length: Math.max(0, room) }, (_, i) => fill[i % fill.length]!);
  const at = Math.floor(filler.length / 3);
  const ids = [...filler.slice(0, at), ...needle, ...filler.slice(at), ...question];
  let found: number[][] = [];
  const looker: Policy = {
    name: 'look',
    signature: '',
    needs: { reading: false, rows: ROWS, decay: 1, every: 0, values: false },
    keep(observed) {
      found = sharesOn(observed, [at, at + needle.length], ids.length - question.length);
      return observed.scores.map((heads) => heads.map(() => [[0, observed.tokens] as Range]));
    },
  };
  await measure.read(ids, { wholeContext: false, open: (parts) => createRetention(looker, parts) });
  return found;
};
