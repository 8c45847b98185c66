/** A thousand sessions come and go over a store in memory; test/conformance has fewer of them over those of a browser. */
import { test } from 'vitest';
import { openMemory } from '../../../src/stores/memory.js';
import { comeAndGo, TIGHT_BYTES } from '../../support/many-sessions.js';

test.each([
  ['without a budget', undefined],
  ['within a budget for some of their pages', TIGHT_BYTES],
] as const)('a thousand sessions created, grown, cloned and deleted %s', async (_, diskBytes) => {
  await comeAndGo(await openMemory(), 1000, diskBytes);
});
