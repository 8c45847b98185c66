import { describe, expect, test } from 'vitest';
import { PAGE } from '../../../src/backends/backend.js';
import { digest } from '../../../src/kv/digest.js';
import { decodeRecord, encodeRecord, isRecordOf, layerGroups } from '../../../src/kv/records.js';
import { randomRecord } from '../../support/kv-records.js';
import { random } from '../../support/random.js';

const small = randomRecord(
  {
    layers: { from: 0, to: 2 },
    firstPage: 3,
    pages: 2,
    pageBytes: [16, 5],
    tokens: [7, 8, 9],
    chunkBytes: 3,
  },
  1,
);

/** Gives changed bytes a checksum that fits, as one who means harm would. */
const resealed = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.length - 16;
  bytes.set(new Uint8Array(digest(bytes.subarray(0, end)).buffer), end);
  return bytes;
};

describe('a record', () => {
  test('comes back as it was, at any offset', () => {
    const middle = randomRecord({ layers: { from: 3, to: 4 }, firstPage: 0, pages: 1, pageBytes: [1] }, 2);
    for (const record of [small, middle]) {
      const bytes = encodeRecord(record);
      for (let offset = 0; offset < 5; offset++) {
        const moved = new Uint8Array(bytes.length + offset);
        moved.set(bytes, offset);
        expect(decodeRecord(moved.subarray(offset))).toEqual({ record });
      }
    }
  });

  test('is found damaged whichever byte changes, and however', () => {
    const bytes = encodeRecord(small);
    const draw = random(3);
    for (let i = 0; i < bytes.length; i++) {
      for (const flip of [1, 128, 255, 1 + draw.below(255)]) {
        bytes[i]! ^= flip;
        expect(decodeRecord(bytes).fault, `byte ${i} ^ ${flip}`).toBeTypeOf('string');
        bytes[i]! ^= flip;
      }
    }
    expect(decodeRecord(bytes).record).toEqual(small);
  });

  test('is found damaged when it is cut short or grown', () => {
    const bytes = encodeRecord(small);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeRecord(bytes.slice(0, length)).fault, `${length} bytes`).toBeTypeOf('string');
    }
    for (const more of [1, 4, 16]) {
      const grown = new Uint8Array(bytes.length + more);
      grown.set(bytes);
      expect(decodeRecord(grown).fault).toBeTypeOf('string');
    }
  });

  test('with hostile numbers and a checksum that fits is a fault or consistent', () => {
    const words = encodeRecord(small).length >> 2;
    // Counting out what such a header claims would take minutes and all memory.
    const hostile = [0, 1, 2, 3, 63, 64, 129, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
    for (let word = 0; word < words - 4; word++) {
      for (const value of hostile) {
        const bytes = encodeRecord(small);
        new Uint32Array(bytes.buffer)[word] = value;
        const { record, fault } = decodeRecord(resealed(bytes));
        if (!record) {
          expect(fault).toBeTypeOf('string');
          continue;
        }
        const { layers, pages, tokens } = record;
        expect(pages.length).toBe(layers.to - layers.from);
        for (const layer of pages) expect(layer.length).toBe(pages[0]!.length);
        expect(tokens.length).toBeLessThanOrEqual(pages[0]!.length * PAGE);
      }
    }
  });

  test('of random bytes is a fault', () => {
    const { bytes, below } = random(5);
    for (let round = 0; round < 200; round++) {
      expect(decodeRecord(bytes(4 * below(64))).fault).toBeTypeOf('string');
    }
  });

  test('belongs to the tokens it names, where it names them', () => {
    const ids = Array.from({ length: 3 * PAGE + 3 }, (_, i) => i);
    ids.splice(3 * PAGE, 3, 7, 8, 9);
    expect(isRecordOf(small, ids)).toBe(true);
    expect(isRecordOf(small, [...ids.slice(0, -1), 10])).toBe(false);
    expect(isRecordOf(small, ids.slice(0, -1))).toBe(false);
    expect(isRecordOf({ ...small, tokens: new Uint32Array() }, ids)).toBe(false);
    const later = { ...small, layers: { from: 2, to: 4 } };
    expect(isRecordOf(later, ids)).toBe(false);
    expect(isRecordOf({ ...later, tokens: new Uint32Array() }, ids)).toBe(true);
  });
});

describe('layer groups', () => {
  test('cover every layer once, in order, nearly equal', () => {
    for (const layers of [1, 2, 3, 7, 16, 18, 28, 61]) {
      for (const bytes of [1, 1000, 30_000, 200_000, 500_000, 3_000_000]) {
        const groups = layerGroups(layers, bytes);
        expect(groups[0]!.from).toBe(0);
        expect(groups.at(-1)!.to).toBe(layers);
        for (const [n, { from }] of groups.entries()) if (n > 0) expect(from).toBe(groups[n - 1]!.to);
        const sizes = groups.map(({ from, to }) => to - from);
        expect(Math.min(...sizes)).toBeGreaterThan(0);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        if (Math.max(...sizes) > 1) expect(Math.max(...sizes) * bytes).toBeLessThanOrEqual(768 * 1024);
      }
    }
  });

  test('are near 512 KB where the layers allow it', () => {
    const groups = layerGroups(28, 133_120);
    for (const { from, to } of groups) {
      expect((to - from) * 133_120).toBeGreaterThan(256 * 1024);
      expect((to - from) * 133_120).toBeLessThan(1024 * 1024);
    }
  });
});
