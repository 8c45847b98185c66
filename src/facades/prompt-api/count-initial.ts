import type { Message } from '../../index.js';

/** What of a text is the same however it was cut into messages. */
const core = (text: string): string => text.replace(/\s+/g, '');

/**
 * How many messages of a session the initial ones became: neighbours of one role were joined, long ones cut.
 * Errors: `InvalidStateError` where the session begins otherwise.
 */
export const countInitial = (initial: readonly Message[], all: readonly Message[]): number => {
  const runs: { role: string; text: string }[] = [];
  for (const { role, text } of initial) {
    const last = runs.at(-1);
    if (last?.role === role) last.text += core(text);
    // Two answers one after another have a blank question in between.
    else runs.push({ role, text: core(text) });
  }
  let count = 0;
  for (const { role, text } of runs) {
    let found = '';
    while (found.length < text.length && (all[count]?.role === role || core(all[count]?.text ?? 'x') === ''))
      found += core(all[count++]!.text);
    if (found !== text)
      throw new DOMException(
        'What was saved begins otherwise than these `initialPrompts`.',
        'InvalidStateError',
      );
  }
  return count;
};
