import { describe, expect, test } from 'vitest';
import { createFingerprint } from '../../src/weights/fingerprint.js';
import { random } from '../support/random.js';

const of = (...parts: Uint8Array[]): string => {
  const fingerprint = createFingerprint();
  for (const part of parts) fingerprint.add(part);
  return fingerprint.digest();
};

describe('fingerprint', () => {
  const { below } = random(3);
  const bytes = Uint8Array.from({ length: 200_003 }, () => below(256));

  test('is the same forever: stored pages are keyed by it', () => {
    expect(of()).toBe('a0570faebed877e7246ad825da22063b');
    expect(of(new TextEncoder().encode('Longhand'))).toBe('bf0683d7f8b4efb81765a694d49b9a51');
  });

  test('does not depend on how bytes arrive', () => {
    const whole = of(bytes);
    for (let round = 0; round < 20; round++) {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const count = 1 + below(round % 2 ? 70_000 : 50);
        parts.push(bytes.subarray(at, at + count));
        at += count;
      }
      expect(of(...parts)).toBe(whole);
    }
  });

  test('changes with every bit of a block and its tail', () => {
    const some = bytes.slice(0, 77);
    const seen = new Set([of(some)]);
    for (let bit = 0; bit < some.length * 8; bit++) {
      const other = some.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(of(other));
    }
    expect(seen.size).toBe(1 + some.length * 8);
  });

  test('changes with any byte of a long stream', () => {
    const seen = new Set([of(bytes)]);
    for (let round = 0; round < 200; round++) {
      const at = below(bytes.length);
      const other = bytes.slice();
      other[at]! ^= 1 + below(255);
      seen.add(of(other));
    }
    expect(seen.size).toBe(201);
  });

  test('changes with the length of a run of zeros, and with the order of words', () => {
    const lengths = Array.from({ length: 200 }, (_, length) => of(new Uint8Array(length)));
    expect(new Set(lengths).size).toBe(200);
    const swapped = bytes.slice();
    swapped.copyWithin(0, 16, 32);
    swapped.set(bytes.subarray(0, 16), 16);
    expect(of(swapped)).not.toBe(of(bytes));
  });

  test('every bit flips about half of all bits', () => {
    const flips: number[] = [];
    const some = bytes.slice(0, 64);
    const first = BigInt(`0x${of(some)}`);
    for (let bit = 0; bit < 512; bit++) {
      const other = some.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      flips.push([...(BigInt(`0x${of(other)}`) ^ first).toString(2)].filter((digit) => digit === '1').length);
    }
    const mean = flips.reduce((sum, count) => sum + count, 0) / flips.length;
    expect(mean).toBeGreaterThan(48);
    expect(mean).toBeLessThan(80);
  });
});
