import { PAGE } from '../../src/backends/backend.js';
import { openModel } from '../../src/engine/open-model.js';
import { forward, type Reader } from '../../src/generate/reader.js';
import type { Forward } from '../../src/model/forward.js';
import type { ContextState } from '../../src/model/state.js';

/** Rows of a call: what `observe` writes for them takes some megabytes. */
const STEP = PAGE;

/** The bundled model, which reads everything, on one thread. */
export const openObserved = () =>
  openModel(
    'examples/models/book-reader-5m-Q8_0.gguf',
    { attention: { method: 'dense' }, kv: { store: 'none' }, threads: 1 },
    new AbortController().signal,
    () => undefined,
  );

/** Shown in every layer of every call, before attention: the probabilities of its rows, (rows · heads, width), valid during the call. */
export type OnRows = (call: Forward, layer: number, probabilities: Float32Array, width: number) => void;

/**
 * Reads `ids` from absolute `position` on with a dense model, and shows what each of its rows attends to. Answers the logits
 * behind the last of them. Reading again from an earlier position forgets what was read behind it.
 */
export const readObserved = async (
  reader: Reader,
  state: ContextState,
  ids: readonly number[],
  position: number,
  onRows: OnRows,
): Promise<Float32Array> => {
  const { backend, config } = reader;
  let logits = new Float32Array(0);
  for (let from = 0; from < ids.length; from += STEP) {
    const some = ids.slice(from, from + STEP);
    const tiles = { position: position + from, rows: some.length, tileRows: PAGE };
    const width = tiles.position + tiles.rows;
    const { left } = await forward(reader, state, some, tiles, 'all', async (call, layer) => {
      const out = backend.tensor('observed', tiles.rows * config.heads, width);
      backend.observe(
        out,
        call.activations.q,
        state.layers[layer]!,
        state.plans[layer]!,
        config.attentionScale,
      );
      onRows(call, layer, backend.peek!(out), width);
      backend.free(out);
    });
    if (left && 'all' in left) logits = Float32Array.from(left.all);
  }
  return logits;
};
