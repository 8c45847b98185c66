import { oneOf, onlyKnown } from '../options.js';
import { type A2sfOptions, a2sf } from './a2sf.js';
import { type ActOptions, act } from './act.js';
import { type DuoOptions, duo } from './duo.js';
import { type ExpectedOptions, expected } from './expected.js';
import { type GivenOptions, given } from './given.js';
import { type H2oOptions, h2o } from './h2o.js';
import type { Policy } from './policy.js';
import { type PyramidInferOptions, pyramidInfer } from './pyramid-infer.js';
import { type SinksWindowOptions, sinksWindow } from './sinks-window.js';
import { type SnapKvOptions, snapKv } from './snap-kv.js';

/** Nothing is dropped: the default, which costs nothing. */
export interface KeepAllOptions {
  readonly policy: 'keep-all';
}

/** What is kept of what was read. Plain data. */
export type RetentionOptions =
  | KeepAllOptions
  | SinksWindowOptions
  | H2oOptions
  | SnapKvOptions
  | A2sfOptions
  | PyramidInferOptions
  | ExpectedOptions
  | GivenOptions
  | DuoOptions
  | ActOptions;

type Factory<Name extends RetentionOptions['policy']> = (
  options: Extract<RetentionOptions, { policy: Name }>,
) => Policy | undefined;

/** The policies by name. */
export const policies: { readonly [Name in RetentionOptions['policy']]: Factory<Name> } = {
  'keep-all': (options) => {
    onlyKnown('retention', options, ['policy']);
    return undefined;
  },
  'sinks-window': sinksWindow,
  h2o,
  'snap-kv': snapKv,
  a2sf,
  'pyramid-infer': pyramidInfer,
  given,
  expected: (options) => expected(options),
  duo,
  act,
};

/** The policy that `options` name, with every default filled in; none where everything is kept. Refuses what it cannot obey with `input/option`. */
export const createPolicy = (options: RetentionOptions): Policy | undefined => {
  const names = Object.keys(policies) as RetentionOptions['policy'][];
  const name = oneOf('retention.policy', (options as Partial<RetentionOptions>).policy, 'keep-all', names);
  return (policies[name] as (options: RetentionOptions) => Policy | undefined)(options);
};
