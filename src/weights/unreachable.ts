import { LonghandError } from '../errors.js';

/** What a platform's error says. */
export const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** `model/unreachable`: the source, what happened, and what to do. */
export const unreachable = (
  label: string,
  what: string,
  advice: string,
  details: Record<string, string | number>,
  cause?: unknown,
): LonghandError =>
  new LonghandError(
    'model/unreachable',
    `${label} could not be read: ${what}. ${advice}`,
    { source: label, ...details },
    cause === undefined ? undefined : { cause },
  );
