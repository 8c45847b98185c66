import type { Tiles } from '../../src/backends/backend.js';
import type { Reader } from '../../src/generate/reader.js';
import { attend, begin, type Forward, finish, readPlan } from '../../src/model/forward.js';
import type { ContextState } from '../../src/model/state.js';

/** Runs the tokens of `tiles` through the model; `each` may look at a layer between its plan and its attention. */
export const layerByLayer =
  (reader: Reader, state: ContextState, ids: readonly number[]) =>
  async (tiles: Tiles, each?: (call: Forward, layer: number) => Promise<void>): Promise<void> => {
    const call: Forward = { ...reader, state, tiles, activations: reader.arena.activations(tiles.rows) };
    begin(call, ids.slice(tiles.position, tiles.position + tiles.rows));
    for (let layer = 0; layer < reader.config.layers; layer++) {
      readPlan(call, layer);
      await each?.(call, layer);
      attend(call, layer);
      finish(call, layer);
    }
  };
