import type { LonghandError } from '../../index.js';

/** The platform's own where there is one: it came late to browsers, and later to Node. */
interface QuotaExceeded extends DOMException {
  readonly requested: number | null;
  readonly quota: number | null;
}
type QuotaExceededConstructor = new (
  message: string,
  options: { requested: number; quota: number },
) => QuotaExceeded;

class OwnQuotaExceededError extends DOMException implements QuotaExceeded {
  readonly requested: number;
  readonly quota: number;
  constructor(message: string, { requested, quota }: { requested: number; quota: number }) {
    super(message, 'QuotaExceededError');
    this.requested = requested;
    this.quota = quota;
  }
}

/** More than the context window holds: `requested` tokens where there is room for `quota`. */
export const quotaExceeded = (requested: number, quota: number): DOMException => {
  const { QuotaExceededError: Platform = OwnQuotaExceededError } = globalThis as {
    QuotaExceededError?: QuotaExceededConstructor;
  };
  const message = `The context window holds ${quota} tokens; ${requested} were asked for. Send less, or open another session.`;
  return new Platform(message, { requested, quota });
};

export const notSupported = (message: string): DOMException => new DOMException(message, 'NotSupportedError');

const NAMES: Readonly<Record<string, string>> = {
  'unsupported/constraint': 'NotSupportedError',
  'model/unreachable': 'NetworkError',
  'model/template': 'NotSupportedError',
  'input/busy': 'InvalidStateError',
  'input/exists': 'InvalidStateError',
  'engine/closed': 'InvalidStateError',
  'engine/lost': 'InvalidStateError',
};

/** An error of ours as the platform's; `cause` is ours, with its code. Others pass. */
export const asException = (error: unknown): unknown => {
  const { name, code, message, details } = error as Partial<LonghandError>;
  if (name !== 'LonghandError') return error;
  if (code === 'input/too-long') return quotaExceeded(Number(details?.requested), Number(details?.quota));
  const exception = new DOMException(message, NAMES[code!] ?? 'OperationError');
  return Object.defineProperty(exception, 'cause', { value: error });
};
