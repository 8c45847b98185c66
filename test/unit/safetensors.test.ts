import { expect, test } from 'vitest';
import { LonghandError } from '../../src/errors.js';
import { parseSafetensors } from '../../src/weights/safetensors.js';
import { random } from '../support/random.js';
import { writeSafetensors } from '../support/safetensors-writer.js';

const encoder = new TextEncoder();

/** A file with this header and so many bytes behind it. */
const made = (header: unknown, body: Uint8Array = new Uint8Array(16)): Uint8Array => {
  const text = encoder.encode(typeof header === 'string' ? header : JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + body.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  out.set(body, 8 + text.length);
  return out;
};

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(LonghandError);
    return (error as LonghandError).code;
  }
  return 'none';
};

test('what was written is read, wherever the file lies in memory', () => {
  const values = Float32Array.of(1.5, -2, 3, 1e-20, 5, -6);
  const bytes = writeSafetensors(new Map([['a.b', { shape: [2, 3], values }]]), { heads: '4' });
  const shifted = new Uint8Array(bytes.length + 3).subarray(3);
  shifted.set(bytes);
  for (const one of [bytes, shifted]) {
    const file = parseSafetensors(one, 'it');
    expect(file.metadata.get('heads')).toBe('4');
    expect(file.names).toEqual(['a.b']);
    expect(file.shapeOf('a.b')).toEqual([2, 3]);
    expect(file.read('a.b', [2, 3])).toEqual(values);
  }
});

test('halves of both kinds become the numbers they are', () => {
  const view = new DataView(new ArrayBuffer(16));
  for (const [i, bits] of [0x3c00, 0xc000, 0x0001, 0x7bff].entries()) view.setUint16(2 * i, bits, true);
  for (const [i, bits] of [0x3f80, 0xc000, 0x0000, 0x4049].entries()) view.setUint16(8 + 2 * i, bits, true);
  const header = {
    half: { dtype: 'F16', shape: [4], data_offsets: [0, 8] },
    brain: { dtype: 'BF16', shape: [4], data_offsets: [8, 16] },
  };
  const file = parseSafetensors(made(header, new Uint8Array(view.buffer)), 'it');
  expect([...file.read('half', [4])]).toEqual([1, -2, 2 ** -24, 65504]);
  expect([...file.read('brain', [4])]).toEqual([1, -2, 0, 3.140625]);
});

test('what cannot be a file of tensors is refused, by name', () => {
  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  const wrong: Uint8Array[] = [
    new Uint8Array(0),
    new Uint8Array(7),
    new Uint8Array(8).fill(255),
    made('{'),
    made('[]'),
    made('null'),
    made({ x: 1 }),
    ...[
      { dtype: 3 },
      { shape: 'two' },
      { shape: [-1] },
      { shape: [1.5] },
      { data_offsets: [0] },
      { data_offsets: [8, 0] },
      { data_offsets: [0, 17] },
      { data_offsets: [-8, 0] },
      { data_offsets: [0, 2 ** 60] },
      { data_offsets: ['0', '8'] },
    ].map((change) => made({ x: { ...entry, ...change } })),
  ];
  for (const bytes of wrong) expect(code(() => parseSafetensors(bytes, 'it'))).toBe('model/corrupt');
  const read = (change: object, shape: number[], body?: Uint8Array) =>
    code(() => parseSafetensors(made({ x: { ...entry, ...change } }, body), 'it').read('x', shape));
  expect(read({}, [2])).toBe('none');
  expect(read({}, [2, 1])).toBe('model/corrupt');
  expect(read({ data_offsets: [0, 12] }, [2])).toBe('model/corrupt');
  expect(read({ dtype: 'I64' }, [2])).toBe('unsupported/tensor-type');
  expect(read({}, [2], new Uint8Array(16).fill(255))).toBe('model/corrupt');
  expect(code(() => parseSafetensors(made({ x: entry }), 'it').read('__proto__', [2]))).toBe('model/corrupt');
});

test('whatever bytes are changed, it is read or refused by a code', () => {
  const values = random(1).normals(24);
  const bytes = writeSafetensors(new Map([['a', { shape: [4, 6], values }]]), { heads: '2' });
  const numbers = random(2);
  const seen = new Set<string>();
  for (let n = 0; n < 400; n++) {
    const broken = bytes.slice(0, numbers.below(4) === 0 ? numbers.below(bytes.length) : bytes.length);
    for (let i = 0; i < 3 && broken.length > 0; i++)
      broken[numbers.below(Math.min(120, broken.length))] = numbers.below(256);
    seen.add(code(() => parseSafetensors(broken, 'it').read('a', [4, 6])));
  }
  expect([...seen].every((one) => ['none', 'model/corrupt', 'unsupported/tensor-type'].includes(one))).toBe(
    true,
  );
  expect(seen.size).toBeGreaterThan(1);
});
