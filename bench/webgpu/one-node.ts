/** An ONNX model of one GroupQueryAttention, as bytes: what ONNX Runtime measures where we measure `attend`. */

const utf8 = new TextEncoder();

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
};

/** Fields of protobuf: a number, or what has a length. */
const number = (field: number, value: number): number[] => [...varint(field * 8), ...varint(value)];
const bytes = (field: number, value: readonly number[] | string): number[] => {
  const own = typeof value === 'string' ? [...utf8.encode(value)] : value;
  return [...varint(field * 8 + 2), ...varint(own.length), ...own];
};

/** ONNX's numbers of types. */
const [FLOAT, INT32] = [1, 6];
/** That of an attribute that is a whole number. */
const INT = 2;

type Dims = readonly (number | string)[];

const namedValue = (name: string, type: number, dims: Dims): number[] => {
  const shape = dims.flatMap((dim) => bytes(1, typeof dim === 'number' ? number(1, dim) : bytes(2, dim)));
  return [...bytes(1, name), ...bytes(2, bytes(1, [...number(1, type), ...bytes(2, shape)]))];
};

export interface GqaShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
}

/** Rows ask behind a past of any length; keys and values are f32, without rotary embedding. */
export const groupQueryAttention = ({ heads, kvHeads, dim }: GqaShape): Uint8Array => {
  const past: Dims = [1, kvHeads, 'past', dim];
  const inputs: readonly [string, number, Dims][] = [
    ['query', FLOAT, [1, 'rows', heads * dim]],
    ['key', FLOAT, [1, 'rows', kvHeads * dim]],
    ['value', FLOAT, [1, 'rows', kvHeads * dim]],
    ['past_key', FLOAT, past],
    ['past_value', FLOAT, past],
    ['seqlens_k', INT32, [1]],
    ['total_sequence_length', INT32, []],
  ];
  const all: Dims = [1, kvHeads, 'all', dim];
  const outputs: readonly [string, number, Dims][] = [
    ['output', FLOAT, [1, 'rows', heads * dim]],
    ['present_key', FLOAT, all],
    ['present_value', FLOAT, all],
  ];
  const attribute = (name: string, value: number): number[] =>
    bytes(5, [...bytes(1, name), ...number(3, value), ...number(20, INT)]);
  const node = [
    ...inputs.flatMap(([name]) => bytes(1, name)),
    ...outputs.flatMap(([name]) => bytes(2, name)),
    ...bytes(4, 'GroupQueryAttention'),
    ...attribute('num_heads', heads),
    ...attribute('kv_num_heads', kvHeads),
    ...bytes(7, 'com.microsoft'),
  ];
  const graph = [
    ...bytes(1, node),
    ...bytes(2, 'attention'),
    ...inputs.flatMap((input) => bytes(11, namedValue(...input))),
    ...outputs.flatMap((output) => bytes(12, namedValue(...output))),
  ];
  const imported = (domain: string, version: number): number[] =>
    bytes(8, [...bytes(1, domain), ...number(2, version)]);
  const model = [...number(1, 9), ...bytes(7, graph), ...imported('', 20), ...imported('com.microsoft', 1)];
  return Uint8Array.from(model);
};
