import type { Backend } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { Predictor } from './predictor.js';

/** Whether plans of this predictor can be made on such a backend. */
export const canPlanOn = ({ needs }: Pick<Predictor, 'needs'>, backend: Pick<Backend, 'peek'>): boolean =>
  !needs.host || backend.peek !== undefined;

/** What is refused with where they cannot. */
export const needsHost = ({ name }: Pick<Predictor, 'name'>, backend: string): LonghandError =>
  new LonghandError(
    'unsupported/backend',
    `The attention method '${name}' looks at what it reads on the CPU, and '${backend}' does not compute there. ` +
      "Ask for the backend 'wasm' (or 'auto', which then takes it), or choose another method.",
    { method: name, backend },
  );
