/** Puts a recorded reading before the engine. */
import { greatest } from '../../src/generate/likeliest.js';
import type { Reading } from './golden.js';

/** As much of the engine's token surface as a replay needs. */
export interface ReplayModel {
  context(): ReplayContext | Promise<ReplayContext>;
}
interface ReplayContext {
  append(ids: readonly number[]): Promise<unknown>;
  logits(): Promise<Float32Array>;
  generate(options: { maxTokens: number; temperature: 0; ignoreStops: true }): Promise<ArrayLike<number>>;
  close(): unknown;
}

export interface Replay {
  /** A row of logits (vocab) for each of the reading's `at`, read piece by piece, each from behind the last. */
  readonly pieces: Float32Array[];
  /** Logits behind all ids when they were appended at once. */
  readonly whole: Float32Array;
  /** The engine's greatest token in front of each token of the recorded continuation. */
  readonly guided: number[];
  /** The engine's own greedy continuation, as long as the recorded one. */
  readonly free: number[];
}

export const replay = async (model: ReplayModel, { ids, at, greedy }: Reading): Promise<Replay> => {
  const pieces: Float32Array[] = [];
  const stepwise = await model.context();
  let read = 0;
  for (const index of at) {
    await stepwise.append(ids.slice(read, index + 1));
    pieces.push((await stepwise.logits()).slice());
    read = index + 1;
  }
  const guided: number[] = [];
  for (const id of greedy.ids) {
    guided.push(greatest(await stepwise.logits()));
    await stepwise.append([id]);
  }
  await stepwise.close();

  const context = await model.context();
  await context.append(ids);
  const whole = (await context.logits()).slice();
  const generated = await context.generate({
    maxTokens: greedy.ids.length,
    temperature: 0,
    ignoreStops: true,
  });
  await context.close();
  return { pieces, whole, guided, free: Array.from(generated) };
};
