import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { requireSupported } from '../../src/weights/tensor-types.js';
import { FIELD_TYPES, type Field, type Scalar, type ScalarType, writeGguf } from './gguf-writer.js';
import { dequantise } from './quantise.js';

/** The metadata of a well-formed GGUF file with the types it has there. */
const readFields = (file: Uint8Array): Record<string, Field> => {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  let at = 0;
  const step = (bytes: number): number => (at += bytes) - bytes;
  const u64 = (): number => Number(view.getBigUint64(step(8), true));
  const text = (): string => {
    const length = u64();
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(file.subarray(at, (at += length)));
  };
  const scalar = (type: ScalarType): Scalar => {
    switch (type) {
      case 'u8':
        return view.getUint8(step(1));
      case 'i8':
        return view.getInt8(step(1));
      case 'u16':
        return view.getUint16(step(2), true);
      case 'i16':
        return view.getInt16(step(2), true);
      case 'u32':
        return view.getUint32(step(4), true);
      case 'i32':
        return view.getInt32(step(4), true);
      case 'f32':
        return view.getFloat32(step(4), true);
      case 'bool':
        return view.getUint8(step(1)) === 1;
      case 'string':
        return text();
      case 'u64':
        return view.getBigUint64(step(8), true);
      case 'i64':
        return view.getBigInt64(step(8), true);
      case 'f64':
        return view.getFloat64(step(8), true);
    }
  };
  const type = () => FIELD_TYPES[view.getUint32(step(4), true)]!;
  const value = (found: ScalarType | 'array'): Field => {
    if (found !== 'array') return { type: found, value: scalar(found) };
    const of = type();
    const count = u64();
    return of === 'array'
      ? { type: 'array', of, value: Array.from({ length: count }, () => value(of)) }
      : { type: 'array', of, value: Array.from({ length: count }, () => scalar(of)) };
  };
  step(16);
  const pairs = u64();
  return Object.fromEntries(Array.from({ length: pairs }, () => [text(), value(type())]));
};

/** The same model with every tensor expanded to F32: the numbers its stored blocks stand for, exactly. */
export const toF32 = async (file: Uint8Array): Promise<Uint8Array<ArrayBuffer>> => {
  const model = await openGguf(openSource(file));
  await model.close();
  const tensors = [...model.tensors.values()].map(({ name, type, rows, cols, dims, offset, bytes }) => {
    requireSupported(name, type);
    const shape = dims === 1 ? [cols] : [cols, rows];
    return {
      name,
      type: 'F32',
      shape,
      values: dequantise(type, file.subarray(offset, offset + bytes)),
    } as const;
  });
  return writeGguf({ metadata: readFields(file), tensors });
};
