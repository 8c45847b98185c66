import { oneOf } from '../options.js';

/** Names of kinds of devices; `none` is none of them. */
export type Preset = 'none' | 'small-device';

interface Presettable {
  readonly preset?: Preset;
  readonly kv?: object;
}

const PRESETS = {
  none: {},
  // A page of iOS gets about 1.2 GB: a fifth of it is left to the page itself and to what is under way to the store.
  'small-device': { threads: 1, cpuMemory: '1GB', gpuMemory: '1GB', kv: { memory: '64MB' } },
} as const;

/** The options, and those of the preset that they name where they say nothing themselves. */
export const withPreset = <T extends Presettable>(given: T): T => {
  const preset: Presettable = PRESETS[oneOf('preset', given.preset, 'none', ['none', 'small-device'])];
  return { ...preset, ...given, kv: { ...preset.kv, ...given.kv } };
};
