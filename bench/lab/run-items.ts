import type { Model } from '../../src/index.js';
import { evaluate, type Outcome } from './evaluate.js';
import { taskNamed } from './tasks.js';

/** What is measured: one cell of a table, and how many questions at least. */
export interface Cell {
  readonly task: string;
  readonly length: number;
  readonly method: string;
  readonly items: number;
}

const isOf =
  ({ task, length, method }: Cell) =>
  (one: Outcome): boolean =>
    one.task === task && one.length === length && one.method === method;

/** Answers, right ones first, that a cell has so far. */
export const counted = (outcomes: readonly Outcome[], cell: Cell): readonly [right: number, all: number] => {
  const items = outcomes.filter(isOf(cell)).flatMap(({ right }) => right);
  return [items.filter(Boolean).length, items.length];
};

/** Adds the texts that a cell lacks to `outcomes`, one by one; `open` is called only if there are any. */
export const runItems = async (
  outcomes: Outcome[],
  cell: Cell,
  open: () => Promise<Model>,
  each: (last: boolean) => void,
): Promise<void> => {
  const { task, length, method, items } = cell;
  const texts = Math.ceil(items / taskNamed(task).questions);
  const has = (text: number): boolean => outcomes.filter(isOf(cell)).some((one) => one.text === text);
  const missing = Array.from({ length: texts }, (_, text) => text).filter((text) => !has(text));
  if (missing.length === 0) return;
  const model = await open();
  for (const text of missing) {
    outcomes.push(await evaluate(model, task, length, method, text));
    each(text === missing.at(-1));
  }
  await model.close();
};
