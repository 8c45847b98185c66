import { expect, test } from 'vitest';
import { createMarks } from '../../src/generate/marks.js';
import { createMeter, density } from '../../src/generate/meter.js';
import { createTurns } from '../../src/generate/turns.js';

test('work runs one piece at a time, in order, also after a failure', async () => {
  const turn = createTurns();
  const log: string[] = [];
  const work =
    (name: string, fails = false) =>
    async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 2));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const results = await Promise.allSettled([turn(work('a')), turn(work('b', true)), turn(work('c'))]);
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('density is what was read over the causal triangle of the same rows', () => {
  const meter = createMeter();
  expect(density(meter.prefill)).toBe(1);
  meter.count({ position: 0, rows: 4, tileRows: 64 }, false, 10, 5);
  expect(density(meter.prefill)).toBe(1);
  meter.count({ position: 4, rows: 4, tileRows: 64 }, false, 13, 5);
  expect(density(meter.prefill)).toBeCloseTo(23 / 36, 12);
  expect(density(meter.lastStep)).toBeCloseTo(13 / 26, 12);
  meter.count({ position: 9, rows: 1, tileRows: 1 }, true, 5, 1);
  expect(density(meter.decode)).toBe(0.5);
  expect(meter.prefill.tokens).toBe(8);
});

test('marks follow the tokens, also after some were replaced', () => {
  const ofToken = Uint8Array.of(0, 1, 0);
  const tokens = [0, 1, 2, 1];
  const marks = createMarks(tokens, () => ofToken);
  expect([...marks(4).subarray(0, 4)]).toEqual([0, 1, 0, 1]);
  tokens.splice(2, 2, 1, 0);
  marks(2);
  expect([...marks(4).subarray(0, 4)]).toEqual([0, 1, 1, 0]);
  tokens.push(...new Array<number>(3000).fill(1));
  expect([...marks(3004).subarray(0, 5)]).toEqual([0, 1, 1, 0, 1]);
  expect(marks(3004)[3003]).toBe(1);
});
