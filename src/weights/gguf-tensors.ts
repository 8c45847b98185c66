import type { ByteReader } from './byte-reader.js';
import type { TensorEntry } from './gguf.js';
import { readName } from './gguf-metadata.js';
import { tensorType } from './tensor-types.js';

/** A name, the number of dimensions, a type and an offset. */
const LEAST_TENSOR = 8 + 4 + 4 + 8;
const MAX_TENSORS = 65_536;
const MAX_DIMS = 4;

/** One row of the tensor table, its offset still relative to the content. */
const readEntry = async (bytes: ByteReader): Promise<TensorEntry> => {
  const name = await readName(bytes, 'a tensor name');
  const what = `tensor "${name}"`;
  await bytes.ensure(4, what);
  const dims = bytes.u32();
  if (dims < 1 || dims > MAX_DIMS) throw bytes.corrupt(`${what} has ${dims} dimensions`);
  await bytes.ensure(8 * dims + 4 + 8, what);
  const shape = Array.from({ length: dims }, () => bytes.u64(`a dimension of ${what}`));
  const type = tensorType(name, bytes.u32());
  const offset = bytes.u64(`the offset of ${what}`);
  const [cols = 0, ...outer] = shape;
  const rows = outer.reduce((product, size) => product * size, 1);
  const size = rows * (cols / type.elements) * type.bytes;
  if (shape.includes(0) || cols % type.elements !== 0 || !Number.isSafeInteger(size)) {
    throw bytes.corrupt(`${what} (${type.name}) cannot have the shape ${shape.join(' × ')}`);
  }
  return { name, type: type.name, rows, cols, dims, offset, bytes: size };
};

/** The `count` tensors that follow, in the order of their content, which lies apart and within the file. */
export const readTensors = async (
  bytes: ByteReader,
  count: number,
  alignment: number,
): Promise<Map<string, TensorEntry>> => {
  bytes.expect(count, LEAST_TENSOR, 'tensors');
  if (count > MAX_TENSORS) throw bytes.corrupt(`it announces ${count} tensors`);
  const entries = new Map<string, TensorEntry>();
  while (entries.size < count) {
    const entry = await readEntry(bytes);
    if (entries.has(entry.name)) throw bytes.corrupt(`tensor "${entry.name}" appears twice`);
    if (entry.offset % alignment !== 0) {
      throw bytes.corrupt(
        `tensor "${entry.name}" starts at ${entry.offset}, not at a multiple of ${alignment}`,
      );
    }
    entries.set(entry.name, entry);
  }
  const content = Math.ceil(bytes.offset / alignment) * alignment;
  const placed = [...entries.values()]
    .sort((a, b) => a.offset - b.offset)
    .map((entry) => ({ ...entry, offset: content + entry.offset }));
  let end = content;
  let last = '';
  for (const { name, offset, bytes: size } of placed) {
    if (offset < end) throw bytes.corrupt(`tensors "${last}" and "${name}" overlap`);
    end = offset + size;
    last = name;
    if (!Number.isSafeInteger(end) || (bytes.size !== undefined && end > bytes.size)) {
      throw bytes.corrupt(
        `tensor "${name}" ends at byte ${end}, but the file has ${bytes.size ?? 'fewer'} bytes`,
      );
    }
  }
  return new Map(placed.map((entry) => [entry.name, entry]));
};
