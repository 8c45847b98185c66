import { expect, test } from 'vitest';
import { digest, hex } from '../../../src/kv/digest.js';
import { random } from '../../support/random.js';

test('is MurmurHash3 x86 128: the verification value its author published for it', () => {
  const key = Uint8Array.from({ length: 256 }, (_, i) => i);
  const all = new Uint8Array(256 * 16);
  for (let i = 0; i < 256; i++) {
    all.set(new Uint8Array(digest(key.subarray(0, i), 256 - i).buffer), i * 16);
  }
  expect(digest(all)[0]).toBe(0xb3ece62a);
});

test('does not depend on where the bytes lie', () => {
  const bytes = random(1).bytes(1001);
  for (let offset = 0; offset < 8; offset++) {
    const moved = new Uint8Array(1020);
    moved.set(bytes, offset);
    expect(digest(moved.subarray(offset, offset + 1001))).toEqual(digest(bytes));
  }
});

test('is written as 32 digits in the order of the bytes', () => {
  expect(hex(Uint32Array.of(0x04030201, 0, 0xff, 0x80000000))).toBe('0102030400000000ff00000000000080');
});
