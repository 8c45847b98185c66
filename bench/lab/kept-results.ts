import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Results on disk, and what keeps them there. */
export interface KeptResults<T> {
  readonly kept: T;
  keep(): void;
}

/**
 * What was measured before with this very model file, to go on from; else `nothing`, and what another file found is
 * written over with the first result.
 */
export const keptResults = <T extends object>(path: string, model: string, nothing: T): KeptResults<T> => {
  const of = createHash('sha256').update(readFileSync(model)).digest('hex').slice(0, 16);
  const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const kept: T = { ...nothing, ...(before.of === of && before), of };
  return {
    kept,
    keep() {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, JSON.stringify(kept));
    },
  };
};
