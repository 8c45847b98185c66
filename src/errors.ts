/** Every way Longhand refuses or fails. The set is closed: a caller may switch over it. */
export type ErrorCode =
  | 'unsupported/architecture'
  | 'unsupported/tensor-type'
  | 'unsupported/tokenizer'
  | 'unsupported/backend'
  | 'unsupported/attention'
  | 'unsupported/retention'
  | 'unsupported/transfer'
  | 'unsupported/constraint'
  | 'unsupported/retrieval'
  | 'model/unreachable'
  | 'model/corrupt'
  | 'model/template'
  | 'input/option'
  | 'input/type'
  | 'input/too-long'
  | 'input/busy'
  | 'input/exists'
  | 'memory/device'
  | 'storage/unavailable'
  | 'storage/quota'
  | 'storage/corrupt'
  | 'storage/version'
  | 'storage/key'
  | 'engine/closed'
  | 'engine/lost'
  | 'internal';

/** Facts that go with an error: numbers and short strings that survive a structured clone. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/**
 * The one error class. Compare by `code`, never by `instanceof`: errors cross a worker boundary and two bundles.
 * The message says what happened, what was found, and what to do. Cancelling is not an error of ours: an aborted
 * call rejects with the platform's `AbortError`.
 */
export class LonghandError extends Error {
  override readonly name = 'LonghandError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** Whether what computes is gone. */
export const isLost = (error: unknown): boolean =>
  (error as Partial<LonghandError> | undefined)?.code === 'engine/lost';

/** What an aborted call rejects with. */
export const abortError = (): DOMException => new DOMException('The operation was aborted.', 'AbortError');

/** Rejects as the platform does when `signal` has been aborted. */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw signal.reason instanceof Error ? signal.reason : abortError();
};

/** A script beside the one of the engine could not be fetched. `rest` ends the sentence, and says what to do. */
export const scriptMissing = (
  code: ErrorCode,
  script: string,
  rest: string,
  cause: unknown,
  details: ErrorDetails = { script },
): LonghandError =>
  new LonghandError(
    code,
    `The script ${script} cannot be loaded: ${(cause as Error).message} It stands beside the script of the engine (worker.js)${rest}`,
    details,
    { cause },
  );
