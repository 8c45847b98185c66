import { LonghandError } from '../errors.js';

/** Why a policy is refused to one session. `bound`: the model was loaded with one that shapes what is stored. */
export const notOfOneSession = (policy: string, bound: boolean): LonghandError =>
  new LonghandError(
    'input/option',
    `retention.policy '${policy}' cannot be of one session: ${
      bound ? 'the model was loaded with one that' : 'it'
    } shapes the pages of texts, which sessions share. Give it to \`load\`, or take \`reading: false\`.`,
    { option: 'retention' },
  );
