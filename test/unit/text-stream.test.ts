import { describe, expect, test } from 'vitest';
import { createTextStream, type TokenText } from '../../src/text/text-stream.js';

/** One token per byte, and 256 = a control token, 257 = a user-defined one. */
const byteTokens = (spacePrefix = false): TokenText => ({
  bytes: (id) => Uint8Array.of(id),
  name: (id) => (id === 256 ? '<|end|>' : id === 257 ? '<tool>' : undefined),
  isControl: (id) => id === 256,
  spacePrefix,
});

const HARD = ['🦙', '👩‍👩‍👧‍👦', '🇩🇪', 'é', 'e\u0301', '我', '\ufeffx', '\u{10ffff}', '\0', 'a🦙b我c'];
const bytesOf = (text: string): number[] => [...new TextEncoder().encode(text)];

describe('text stream', () => {
  test('a character comes whole, with its last byte', () => {
    const stream = createTextStream(byteTokens());
    expect(bytesOf('a🦙é').map((byte) => stream.push(byte))).toEqual(['a', '', '', '', '🦙', '', 'é']);
    expect(stream.end()).toBe('');
  });

  test('every split of every hard text', () => {
    for (const text of HARD) {
      const bytes = bytesOf(text);
      const cuts = 2 ** Math.min(bytes.length - 1, 10);
      for (let cut = 0; cut < cuts; cut++) {
        const groups: number[][] = [[]];
        for (const [i, byte] of bytes.entries()) {
          groups.at(-1)!.push(byte);
          if ((cut >> i) & 1) groups.push([]);
        }
        const tokens = { ...byteTokens(), bytes: (id: number) => Uint8Array.from(groups[id]!) };
        const stream = createTextStream(tokens);
        const pieces = groups.map((_, id) => stream.push(id));
        if (pieces.some((piece) => /\p{Surrogate}/u.test(piece))) expect.fail(`half a character of ${text}`);
        expect(pieces.join('') + stream.end()).toBe(text);
      }
    }
  });

  test('what ends unfinished becomes U+FFFD, once for the character', () => {
    const stream = createTextStream(byteTokens());
    for (const byte of bytesOf('🦙').slice(0, 3)) expect(stream.push(byte)).toBe('');
    expect(stream.end()).toBe('\ufffd');
    expect(stream.push(0x61)).toBe('a');
    expect(stream.end()).toBe('');
  });

  test('any bytes: the pieces are what decoding all at once gives', () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 48271) % 0x7fffffff) & 0xff;
    for (let round = 0; round < 300; round++) {
      const bytes = Array.from({ length: 1 + (random() % 24) }, random);
      const stream = createTextStream(byteTokens());
      const text = bytes.map((byte) => stream.push(byte)).join('') + stream.end();
      expect(text).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)));
    }
  });

  test('control tokens are left out or named; either ends the character before it', () => {
    const [first, second] = bytesOf('é') as [number, number];
    const run = (control: boolean): string => {
      const stream = createTextStream(byteTokens(), control);
      return [0x61, 256, first, 256, second, 257].map((id) => stream.push(id)).join('|') + stream.end();
    };
    expect(run(false)).toBe('a|||\ufffd|\ufffd|<tool>');
    expect(run(true)).toBe('a|<|end|>||\ufffd<|end|>|\ufffd|<tool>');
  });

  test('the space of a SentencePiece text goes: at the start and after a named token, one only', () => {
    const stream = createTextStream(byteTokens(true));
    const ids = [...bytesOf('  a b'), 256, ...bytesOf(' c'), 257, ...bytesOf('d')];
    expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(' a bc<tool>d');
    expect(stream.push(0x20) + stream.push(0x20)).toBe(' ');
    const without = createTextStream(byteTokens(false));
    expect(without.push(0x20) + without.push(0x61)).toBe(' a');
  });
});
