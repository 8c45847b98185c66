import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { find } from './gguf-surgery.js';

const ALIGNMENT = 32;
const U16 = 2;
const I32 = 5;

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value: number): Buffer => Buffer.concat([u32(value), u32(0)]);
const text = (value: string): Buffer => Buffer.concat([u64(value.length), Buffer.from(value)]);
const pair = (key: string, type: number, value: number): Buffer =>
  Buffer.concat([text(key), u32(type), u32(value).subarray(0, type === U16 ? 2 : 4)]);
const padded = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);

/** What a part says about itself. */
export interface SplitKeys {
  no: number;
  count: number;
  tensors: number;
}

/**
 * A model file cut into parts as llama.cpp cuts it: all metadata in the first, tensors in their order, counts in all.
 * `change` may lie about them.
 */
export const splitModel = async (
  file: Uint8Array<ArrayBuffer>,
  parts: number,
  change: (keys: SplitKeys) => SplitKeys = (keys) => keys,
): Promise<Uint8Array<ArrayBuffer>[]> => {
  const model = await openGguf(openSource(file));
  await model.close();
  const tensors = [...model.tensors.values()];
  const view = new DataView(file.buffer, file.byteOffset);
  const table = Math.min(...tensors.map(({ name }) => find(file, name))) - 8;
  const pairCount = Number(view.getBigUint64(16, true));
  const each = Math.ceil(tensors.length / parts);
  return Array.from({ length: parts }, (_, i) => {
    const own = tensors.slice(i * each, (i + 1) * each);
    const { no, count, tensors: total } = change({ no: i, count: parts, tensors: tensors.length });
    const pairs = [
      pair('split.no', U16, no),
      pair('split.count', U16, count),
      pair('split.tensors.count', I32, total),
    ];
    let offset = 0;
    const entries = own.map(({ name, bytes }) => {
      const at = find(file, name);
      const dims = view.getUint32(at + name.length, true);
      // Everything of an entry but its offset stays as it is.
      const entry = file.subarray(at - 8, at + name.length + 4 + 8 * dims + 4);
      const placed = Buffer.concat([entry, u64(offset)]);
      offset += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
      return placed;
    });
    const head = Buffer.concat([
      Buffer.from('GGUF'),
      u32(3),
      u64(own.length),
      u64(pairs.length + (i === 0 ? pairCount : 0)),
      i === 0 ? file.subarray(24, table) : Buffer.alloc(0),
      ...pairs,
      ...entries,
    ]);
    const content = own.map((tensor) =>
      padded(Buffer.from(file.subarray(tensor.offset, tensor.offset + tensor.bytes))),
    );
    return Uint8Array.from(Buffer.concat([padded(head), ...content]));
  });
};
