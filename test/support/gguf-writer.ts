import type { SupportedType } from '../../src/weights/tensor-types.js';
import { quantise } from './quantise.js';

/** Types of metadata values, in the order of their numbers in a file. */
export const FIELD_TYPES = [
  ...(['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'bool', 'string'] as const),
  ...(['array', 'u64', 'i64', 'f64'] as const),
] as const;
const WIDTHS = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, bool: 1, u64: 8, i64: 8, f64: 8 };
type NumericType = keyof typeof WIDTHS;
export type ScalarType = NumericType | 'string';
export type Scalar = number | bigint | boolean | string;

/** A metadata value with its type in the file. */
export type Field =
  | { readonly type: ScalarType; readonly value: Scalar }
  | { readonly type: 'array'; readonly of: ScalarType; readonly value: ArrayLike<Scalar> }
  | { readonly type: 'array'; readonly of: 'array'; readonly value: readonly Field[] };

export const field = (type: ScalarType, value: Scalar): Field => ({ type, value });
export const arrayField = (of: ScalarType, value: ArrayLike<Scalar>): Field => ({ type: 'array', of, value });

/** A tensor to write. `shape` is in the file's order: columns first. Content is `values` or the bytes themselves. */
export interface TensorContent {
  readonly name: string;
  readonly type: SupportedType;
  readonly shape: readonly number[];
  readonly values?: Float32Array;
  readonly bytes?: Uint8Array;
}

export interface GgufContent {
  readonly version?: 2 | 3;
  /** Default 32; written as `general.alignment` where it is another. */
  readonly alignment?: number;
  readonly metadata: Readonly<Record<string, Field>>;
  readonly tensors: readonly TensorContent[];
}

const TYPE_IDS: Record<SupportedType, number> = {
  ...{ F32: 0, F16: 1, BF16: 30, Q8_0: 8, Q4_0: 2, Q4_1: 3, Q5_0: 6, Q5_1: 7 },
  ...{ Q2_K: 10, Q3_K: 11, Q4_K: 12, Q5_K: 13, Q6_K: 14, IQ4_NL: 20, IQ4_XS: 23 },
};

const createSink = () => {
  let bytes = new Uint8Array(1 << 16);
  let view = new DataView(bytes.buffer);
  let length = 0;
  const room = (more: number): number => {
    const at = length;
    length += more;
    if (length > bytes.length) {
      const larger = new Uint8Array(Math.max(length, bytes.length * 2));
      larger.set(bytes);
      bytes = larger;
      view = new DataView(bytes.buffer);
    }
    return at;
  };
  const raw = (content: Uint8Array): void => {
    const at = room(content.length);
    bytes.set(content, at);
  };
  const number = (type: NumericType, value: Scalar): void => {
    const at = room(WIDTHS[type]);
    if (type === 'bool' || type === 'u8') view.setUint8(at, Number(value));
    else if (type === 'i8') view.setInt8(at, Number(value));
    else if (type === 'u16') view.setUint16(at, Number(value), true);
    else if (type === 'i16') view.setInt16(at, Number(value), true);
    else if (type === 'u32') view.setUint32(at, Number(value), true);
    else if (type === 'i32') view.setInt32(at, Number(value), true);
    else if (type === 'f32') view.setFloat32(at, Number(value), true);
    else if (type === 'f64') view.setFloat64(at, Number(value), true);
    else if (type === 'i64') view.setBigInt64(at, BigInt(value), true);
    else view.setBigUint64(at, BigInt(value), true);
  };
  const u32 = (value: number): void => number('u32', value);
  const u64 = (value: number | bigint): void => number('u64', value);
  const string = (text: string): void => {
    const content = new TextEncoder().encode(text);
    u64(content.length);
    raw(content);
  };
  const scalar = (type: ScalarType, value: Scalar): void => {
    if (type === 'string') string(String(value));
    else number(type, value);
  };
  const content = (value: Field): void => {
    if (value.type !== 'array') {
      scalar(value.type, value.value);
      return;
    }
    u32(FIELD_TYPES.indexOf(value.of));
    u64(value.value.length);
    for (let i = 0; i < value.value.length; i++) {
      if (value.of === 'array') content(value.value[i] as Field);
      else scalar(value.of, value.value[i] as Scalar);
    }
  };
  return {
    raw,
    u32,
    u64,
    string,
    field: (value: Field): void => {
      u32(FIELD_TYPES.indexOf(value.type));
      content(value);
    },
    pad: (alignment: number): void => void room((alignment - (length % alignment)) % alignment),
    done: (): Uint8Array<ArrayBuffer> => bytes.slice(0, length),
  };
};

/**
 * Everything in front of the tensors' content, little-endian, padded. `sizes` are the tensors' bytes; their content
 * follows in the same order, each padded to the alignment.
 */
export const ggufHead = (
  { version = 3, alignment = 32, tensors, metadata: given }: GgufContent,
  sizes: readonly number[],
): Uint8Array<ArrayBuffer> => {
  const metadata = { ...given };
  if (alignment !== 32) metadata['general.alignment'] ??= field('u32', alignment);
  const sink = createSink();
  sink.raw(new TextEncoder().encode('GGUF'));
  sink.u32(version);
  sink.u64(tensors.length);
  sink.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    sink.string(key);
    sink.field(value);
  }
  let offset = 0;
  tensors.forEach(({ name, type, shape }, i) => {
    sink.string(name);
    sink.u32(shape.length);
    for (const size of shape) sink.u64(size);
    sink.u32(TYPE_IDS[type]);
    sink.u64(offset);
    offset += Math.ceil(sizes[i]! / alignment) * alignment;
  });
  sink.pad(alignment);
  return sink.done();
};

/** A GGUF file, little-endian, tensors in the order given. */
export const writeGguf = (content: GgufContent): Uint8Array<ArrayBuffer> => {
  const { alignment = 32, tensors } = content;
  const stored = tensors.map(({ type, values, bytes }) => bytes ?? quantise(type, values!));
  const sink = createSink();
  sink.raw(
    ggufHead(
      content,
      stored.map((bytes) => bytes.length),
    ),
  );
  for (const bytes of stored) {
    sink.raw(bytes);
    sink.pad(alignment);
  }
  return sink.done();
};
