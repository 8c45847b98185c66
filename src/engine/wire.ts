/** Errors keep their code and details across the wire. Both ends import this file before the first call. */
import { type TransferHandler, transferHandlers } from 'comlink';
import { type ErrorCode, type ErrorDetails, LonghandError } from '../errors.js';

interface Thrown {
  readonly value: unknown;
}

/** An error on its way. */
export interface Crossing {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly details: ErrorDetails | undefined;
}

/** An error as plain data. */
export const packError = (value: unknown): Crossing => {
  const error = value instanceof Error || value instanceof DOMException ? value : new Error(String(value));
  const { code, details } = error as Partial<LonghandError>;
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: error.name === 'LonghandError' ? code : undefined,
    details: error.name === 'LonghandError' ? details : undefined,
  };
};

/** The error it was; anything we do not know becomes `internal`. */
export const unpackError = ({ name, message, stack, code, details }: Crossing): Error => {
  if (name === 'AbortError') return new DOMException(message, 'AbortError');
  const error = code
    ? new LonghandError(code, message, details)
    : new LonghandError('internal', `The engine failed: ${name}: ${message}. Please report this.`);
  if (stack !== undefined) error.stack = stack;
  return error;
};

/** Replaces Comlink's own handler, which keeps only name, message and stack. */
export const carryErrors = (): void => {
  const plain = transferHandlers.get('throw') as TransferHandler<Thrown, unknown>;
  transferHandlers.set('throw', {
    canHandle: plain.canHandle,
    serialize: ({ value }: Thrown) => [packError(value), []],
    deserialize: (crossing: Crossing) => {
      throw unpackError(crossing);
    },
  } as TransferHandler<Thrown, Crossing>);
};

/** What a worker serves besides the engine. */
export interface Presence {
  /** Hold a lock for as long as this worker lives: whoever gets it next knows that the worker died. */
  hold(lock: string): Promise<void>;
}
