import { codecSizes } from '../codecs/sizes.js';
import type { ModelConfig } from '../model/config.js';
import type { KeptChannels } from '../model/page-sizes.js';
import { kvShapeOf, type PageCodecs } from '../model/state.js';

/**
 * The codecs of all pages with their versions: a model may have layers that slide, and their pages are f16. And what keys and
 * values were narrowed to, if they were.
 */
export const codecsUsed = (
  config: ModelConfig,
  pageCodecs: PageCodecs,
  { keyChannels, valueChannels }: KeptChannels = {},
): string => {
  const shapes = config.attention.map((_, layer) => kvShapeOf(config, pageCodecs, layer));
  const names = shapes.map(
    ({ keys, values }) => `${keys}.${codecSizes[keys].version}/${values}.${codecSizes[values].version}`,
  );
  const narrowed = [
    ...(keyChannels === undefined ? [] : [`keys.${keyChannels}`]),
    ...(valueChannels === undefined ? [] : [`values.${valueChannels}`]),
  ];
  return [...[...new Set(names)].sort(), ...narrowed].join(' ');
};
