import type { WeightType } from '../backend.js';
import { isFloat } from '../row-formats.js';
import { attendOverrides } from './attend.js';
import type { GpuDevice } from './device.js';
import { channels, choosing, rotates } from './grid.js';
import type { KernelName } from './kernels.js';
import { overridesOf, PLAIN_TILE, type ProductTile } from './matmul.js';
import type { Overrides } from './pipelines.js';

const PLAIN: readonly KernelName[] = [
  ...(['add', 'attend-pairs', 'embed', 'extend', 'gate', 'merge', 'pack', 'panels'] as const),
  ...(['parts', 'rms-norm', 'rope', 'select', 'softcap', 'top-logits'] as const),
  ...(['contrast', 'key-bounds', 'segment'] as const),
  ...(['add-mass', 'read-chunks', 'score-tokens', 'write-boundaries', 'write-chunks'] as const),
  ...(['add-softmax', 'mean-query', 'score-chunks'] as const),
];

/** With room for the channels of a vector, as wide as those of most models. */
const ROOMY = [
  ...(['append-kv', 'key-sketch', 'rotated-keys', 'score-bounds', 'score-sketches', 'summarize'] as const),
];
const WIDE = 128;

/** Every pipeline that a model with weights of these types runs. */
const needed = (types: readonly WeightType[], tile: ProductTile): [KernelName, Overrides | undefined][] => [
  ...PLAIN.map((kernel): [KernelName, undefined] => [kernel, undefined]),
  ...[false, true].map((split): [KernelName, Overrides] => ['attend', attendOverrides(split)]),
  ...ROOMY.map((kernel): [KernelName, Overrides] => [kernel, channels(WIDE)]),
  ...(['queries', 'sketch-query'] as const).map((kernel): [KernelName, Overrides] => [kernel, rotates(WIDE)]),
  ...[1, Number.POSITIVE_INFINITY].map((n): [KernelName, Overrides] => ['select-scored', choosing(n)]),
  ...types.flatMap((type): [KernelName, Overrides][] =>
    isFloat(type)
      ? [...new Set([PLAIN_TILE, tile])].map((some) => ['matmul-floats', overridesOf(type, false, some)])
      : [
          ['matmul', overridesOf(type, false, tile)],
          ['matmul', overridesOf(type, true, PLAIN_TILE)],
          ['matvec', overridesOf(type, true)],
        ],
  ),
];

/** Pipelines that are compiled at the same time: more of them only keep the others on the machine waiting. */
const AT_ONCE = 4;

/** Compile ahead, in the background, so that no verb waits for the compiler. `onProgress` is told after each one. */
export const preparePipelines = async (
  { pipelines }: GpuDevice,
  types: readonly WeightType[],
  onProgress: (done: number, all: number) => void = () => {},
  tile = PLAIN_TILE,
): Promise<void> => {
  const all = needed([...new Set(types)], tile);
  let done = 0;
  const rest = all.values();
  const compile = async (): Promise<void> => {
    for (const [kernel, overrides] of rest) {
      await pipelines.prepare(kernel, overrides);
      onProgress(++done, all.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, compile));
};
