import { oneOf } from '../options.js';
import type { EngineOptions } from './options.js';

/** Names of kinds of devices; `none` is none of them. */
export type Preset = 'none' | 'small-device';

const PRESETS: Readonly<Record<Preset, EngineOptions>> = {
  none: {},
  // A page of iOS gets about 1.2 GB: a fifth of it is left to the page itself and to what is under way to the store.
  'small-device': { threads: 1, cpuMemory: '1GB', gpuMemory: '1GB', kv: { memory: '64MB' } },
};

/** The options, and those of the preset that they name where they say nothing themselves. */
export const withPreset = (given: EngineOptions): EngineOptions => {
  const names = Object.keys(PRESETS) as Preset[];
  const preset = PRESETS[oneOf('preset', given.preset, 'none', names)];
  return { ...preset, ...given, kv: { ...preset.kv, ...given.kv } };
};
