import { LonghandError } from '../errors.js';

/** Elements and bytes of one block of a GGML type; a row is a whole number of blocks. */
export interface TensorType {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
}

const type = (name: string, elements: number, bytes: number): TensorType => ({ name, elements, bytes });

/** GGML types by the number a GGUF file gives them. Numbers that are missing were withdrawn from the format. */
const TYPES: ReadonlyMap<number, TensorType> = new Map([
  [0, type('F32', 1, 4)],
  [1, type('F16', 1, 2)],
  [2, type('Q4_0', 32, 18)],
  [3, type('Q4_1', 32, 20)],
  [6, type('Q5_0', 32, 22)],
  [7, type('Q5_1', 32, 24)],
  [8, type('Q8_0', 32, 34)],
  [9, type('Q8_1', 32, 36)],
  [10, type('Q2_K', 256, 84)],
  [11, type('Q3_K', 256, 110)],
  [12, type('Q4_K', 256, 144)],
  [13, type('Q5_K', 256, 176)],
  [14, type('Q6_K', 256, 210)],
  [15, type('Q8_K', 256, 292)],
  [16, type('IQ2_XXS', 256, 66)],
  [17, type('IQ2_XS', 256, 74)],
  [18, type('IQ3_XXS', 256, 98)],
  [19, type('IQ1_S', 256, 50)],
  [20, type('IQ4_NL', 32, 18)],
  [21, type('IQ3_S', 256, 110)],
  [22, type('IQ2_S', 256, 82)],
  [23, type('IQ4_XS', 256, 136)],
  [24, type('I8', 1, 1)],
  [25, type('I16', 1, 2)],
  [26, type('I32', 1, 4)],
  [27, type('I64', 1, 8)],
  [28, type('F64', 1, 8)],
  [29, type('IQ1_M', 256, 56)],
  [30, type('BF16', 1, 2)],
  [34, type('TQ1_0', 256, 54)],
  [35, type('TQ2_0', 256, 66)],
  [39, type('MXFP4', 32, 17)],
]);

/** The types whose rows Longhand computes with. */
export const SUPPORTED_TYPES = [
  ...(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'] as const),
  ...(['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS'] as const),
] as const;
export type SupportedType = (typeof SUPPORTED_TYPES)[number];

/** The name of a GGML type: one of `SUPPORTED_TYPES` or one that can only be sized. */
export type GgmlTypeName = string;

const isSupportedType = (name: GgmlTypeName): name is SupportedType =>
  (SUPPORTED_TYPES as readonly string[]).includes(name);

/** Throws `unsupported/tensor-type` unless Longhand computes with tensors of this type. */
export function requireSupported(tensor: string, name: GgmlTypeName): asserts name is SupportedType {
  if (isSupportedType(name)) return;
  throw new LonghandError(
    'unsupported/tensor-type',
    `Tensor "${tensor}" is stored as ${name}. Longhand reads ${SUPPORTED_TYPES.join(', ')}; ` +
      'quantise the model to one of these, for example Q8_0.',
    { tensor, type: name },
  );
}

const BY_NAME: ReadonlyMap<GgmlTypeName, TensorType> = new Map(
  [...TYPES.values()].map((entry) => [entry.name, entry]),
);

/** Elements and bytes of a block of this type. */
export const tensorTypeOf = (name: SupportedType): TensorType => BY_NAME.get(name)!;

/** The type with this number; throws `unsupported/tensor-type` for a number this table does not know. */
export const tensorType = (tensor: string, id: number): TensorType => {
  const found = TYPES.get(id);
  if (!found) requireSupported(tensor, `GGML type ${id}`);
  return found!;
};
