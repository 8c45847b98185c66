import type { Model } from '../../src/index.js';
import { draws } from '../../test/support/facts.js';
import { isRight } from '../../test/support/haystack.js';
import { heldOut } from './held-out.js';
import { type Item, taskNamed } from './tasks.js';

/** One text of a task, read once and asked all its questions. */
export interface Outcome {
  readonly task: string;
  readonly length: number;
  readonly method: string;
  readonly text: number;
  readonly right: readonly boolean[];
  /** Where in the text each answer stood, 0 to 1, if each in one place. */
  readonly depths?: readonly number[];
  readonly tokens: number;
  /** Realised density of reading, and of questions and answers. */
  readonly density: number;
  readonly decodeDensity: number;
  readonly readSeconds: number;
  readonly answerSeconds: number;
  /** Bytes of pages. */
  readonly pages: number;
}

/** Tokens left for template, question and answer. */
const ROOM = 64;

/** The same item for every method and model of the same vocabulary. */
export const itemOf = async (model: Model, task: string, length: number, text: number): Promise<Item> => {
  const book = await heldOut((sentence) => model.tokenize(sentence));
  return taskNamed(task).draw(draws(length * 1000 + text), book, length - ROOM);
};

/** Asks the model, which was loaded with the method's attention. Question rows and answers obey it too. */
export const evaluate = async (
  model: Model,
  task: string,
  length: number,
  method: string,
  text: number,
): Promise<Outcome> => {
  const item = await itemOf(model, task, length, text);
  const session = await model.session();
  await session.append(item.text);
  const right: boolean[] = [];
  for (const { ask, values } of item.questions) {
    const answer = await session.ask(ask, { maxTokens: 48, continue: item.conversation }).text();
    right.push(values.every((value) => isRight(answer, value)));
  }
  const depths = item.questions.flatMap(({ depth }) => depth ?? []);
  const { tokens, density, prefill, decode, bytes } = await session.stats();
  await session.close();
  return {
    ...{ task, length, method, text, right, tokens },
    ...{ density: density.prefill, decodeDensity: density.decode },
    ...{ readSeconds: prefill.seconds, answerSeconds: decode.seconds, pages: bytes.pages },
    ...(depths.length > 0 && { depths }),
  };
};
