/** Cuts a stream of text at the first stop string; text that may turn into one is held back. */
export interface StopFilter {
  /** Text that is safe to show now. */
  push(text: string): string;
  /** What was held back, at the end of an answer that no stop string ended. */
  end(): string;
  /** The stop string that was met. */
  readonly met: string | undefined;
}

export const createStopFilter = (stops: readonly string[]): StopFilter => {
  let held = '';
  let met: string | undefined;
  const firstStop = (): { at: number; stop: string } | undefined => {
    let first: { at: number; stop: string } | undefined;
    for (const stop of stops) {
      const at = held.indexOf(stop);
      if (at >= 0 && (!first || at < first.at)) first = { at, stop };
    }
    return first;
  };
  const possibleStart = (): number => {
    for (let from = 0; from < held.length; from++) {
      const tail = held.slice(from);
      if (stops.some((stop) => stop.startsWith(tail))) return from;
    }
    return held.length;
  };
  return {
    push(text) {
      if (met !== undefined) return '';
      held += text;
      const first = firstStop();
      const until = first ? first.at : possibleStart();
      const shown = held.slice(0, until);
      held = first ? '' : held.slice(until);
      met = first?.stop;
      return shown;
    },
    end() {
      const rest = held;
      held = '';
      return met === undefined ? rest : '';
    },
    get met() {
      return met;
    },
  };
};
