import { expect, test } from 'vitest';
import { shareOut } from '../../../src/kv/quotas.js';
import { random } from '../../support/random.js';

const never = (): boolean => false;
const wish = (pages: number, named: number, pageBytes = 10) => ({ pages, named, pageBytes });

test('what all name fits: everybody has it, and the rest goes where pages are missing', () => {
  expect(shareOut([wish(100, 10), wish(100, 50), wish(100, 90)], 2000, never)).toEqual([40, 66, 93]);
  expect(shareOut([wish(100, 0), wish(100, 0)], 1000, never)).toEqual([50, 50]);
  expect(shareOut([wish(100, 100), wish(10, 3)], 1e6, never)).toEqual([100, 10]);
});

test('it does not: who names least has it whole, and who names everything takes what is left', () => {
  expect(shareOut([wish(100, 100), wish(100, 10), wish(100, 12)], 600, never)).toEqual([38, 10, 12]);
  expect(shareOut([wish(100, 80), wish(100, 100)], 600, never)).toEqual([30, 30]);
  expect(shareOut([wish(100, 80, 20), wish(100, 100)], 600, never)).toEqual([15, 30]);
});

test('what must be whole is, whatever is left for the others', () => {
  const slides = (layer: number): boolean => layer === 1;
  expect(shareOut([wish(100, 10), wish(40, 40)], 600, slides)).toEqual([20, 40]);
  expect(shareOut([wish(100, 10), wish(40, 40)], 300, slides)).toEqual([0, 40]);
});

test('never more than there is', () => {
  const { below } = random(9);
  for (let round = 0; round < 500; round++) {
    const wishes = Array.from({ length: 1 + below(6) }, () => {
      const pages = below(60);
      return wish(pages, below(80), 1 + below(20));
    });
    const bytes = below(8000);
    const quotas = shareOut(wishes, bytes, never);
    expect(quotas.reduce((sum, quota, n) => sum + quota * wishes[n]!.pageBytes, 0)).toBeLessThanOrEqual(
      bytes,
    );
    for (const [n, quota] of quotas.entries()) {
      expect(quota).toBeGreaterThanOrEqual(0);
      expect(quota).toBeLessThanOrEqual(wishes[n]!.pages);
    }
  }
});
