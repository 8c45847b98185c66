import type { Measure, Moments, Retain, Retention, RetentionParts } from './policy.js';
import { createMoments, turn, turnedBack } from './query-moments.js';

/** What is read where no sample is given: all of our own. Telling, asking and answering, as texts and sessions do. */
const SAMPLE = [
  'The ferry left at noon with eleven passengers, a crate of oranges and the doctor, who had forgotten her gloves again.',
  'Nobody on the pier could say when it would be back, since the wind had turned and the captain was not a patient man.',
  '"You will want the red lamp," said Ines, "and the small key; the other one only opens the cupboard under the stairs."',
  'In the second year the council paid 4,120 crowns for the bridge, and in the third it paid again, because of the ice.',
  'He wrote three letters that evening: one to the bank, one to his brother in Lund, and one that he burnt.',
  'When rain falls on warm stone it leaves a smell, and people who grew up there know what month it is.',
  'First you loosen the two screws at the back, then lift the lid, and only then disconnect the battery.',
  'What did the doctor forget? She forgot her gloves. Which key opens the cupboard? The other one, not the small key.',
  'How much did the council pay for the bridge in the second year? It paid 4,120 crowns. Why did it pay again? Because of the ice.',
].join(' ');

/** Tokens that are read, and how far apart those rows are that count: what it costs is a moment. */
const TOKENS = 1024;
const STEP = 4;

/** A retention that keeps everything and looks at the queries of every call. */
const looking = (look: (layer: number, position: number, q: Float32Array) => void) => {
  return ({ backend }: RetentionParts): Retention => {
    let position = 0;
    return {
      over: (predictor) => predictor,
      async begin(at) {
        position = at;
      },
      observes: () => true,
      observe: async (layer, q) => look(layer, position, await backend.read(q)),
      amendment: () => undefined,
      kept: (total) => total,
      release: () => undefined,
    };
  };
};

/** Moments of a model's queries over a sample of text, by layers that are read whole and query heads. */
export const measureQueries = async (measure: Measure, sample = SAMPLE): Promise<Moments[][]> => {
  const encoded = await measure.encode(`${sample} `);
  const tokens = Math.max(1, Math.min(TOKENS, measure.maxTokens - 1));
  const ids = Array.from({ length: tokens }, (_, i) => encoded[i % encoded.length]!);
  let sums: ReturnType<typeof createMoments>[][] = [];
  const retain: Retain = {
    wholeContext: false,
    open(parts) {
      const { heads, layers, turning } = parts;
      sums = layers.map(({ shape }) => Array.from({ length: heads }, () => createMoments(shape.keyDim)));
      return looking((layer, position, q) => {
        const { keyDim } = layers[layer]!.shape;
        const rows = q.length / (heads * keyDim);
        const angles = turning?.angles(layer, position, rows);
        const dim = (angles?.length ?? 0) / rows;
        for (let row = (STEP - (position % STEP)) % STEP; row < rows; row += STEP) {
          // First rows have next to nothing to look at.
          if (position + row < STEP) continue;
          const back = angles && turnedBack(angles.subarray(row * dim, (row + 1) * dim));
          for (let head = 0; head < heads; head++) {
            const query = q.slice((row * heads + head) * keyDim, (row * heads + head + 1) * keyDim);
            if (back) turn(query, back, turning!.pairing);
            sums[layer]![head]!.add(query);
          }
        }
      })(parts);
    },
  };
  await measure.read(ids, retain);
  return sums.map((own) => own.map((one) => one.moments));
};
