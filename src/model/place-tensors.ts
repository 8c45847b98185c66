import type { Architecture, TensorSpec } from '../architectures/architecture.js';
import { LonghandError } from '../errors.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import { weightType } from '../weights/repack.js';
import { requireSupported, type SupportedType } from '../weights/tensor-types.js';
import type { ModelConfig } from './config.js';

/** What is made of a tensor of the file, or of some of its rows. */
export interface Place {
  readonly label: string;
  readonly spec: TensorSpec;
  readonly type: SupportedType;
}

/** Tensors some converters write that no forward pass needs. */
const REDUNDANT = /\.attn_rot_embd(\.weight)?$/;

const advice = 'Convert or download the model again.';

/** The name of the tensor, with the first row where it is one of several that share a tensor. */
export const labelOf = ({ name, part }: TensorSpec): string => (part ? `${name} from ${part.from}` : name);

const placeOne = (model: GgufModel, architecture: Architecture, spec: TensorSpec): Place | undefined => {
  const { name } = spec;
  const { rows, cols } = spec.stored ?? { rows: spec.part?.of ?? spec.rows, cols: spec.cols };
  const entry = model.tensors.get(name);
  if (!entry) {
    if (spec.optional) return undefined;
    const message = `${model.label} lacks the tensor "${name}" that every ${architecture.name} model has. ${advice}`;
    throw new LonghandError('model/corrupt', message, { tensor: name });
  }
  if (entry.rows !== rows || entry.cols !== cols) {
    const shapes = `is ${entry.rows} × ${entry.cols} where the model's numbers ask for ${rows} × ${cols}`;
    const message = `Tensor "${name}" of ${model.label} ${shapes}. ${advice}`;
    throw new LonghandError('model/corrupt', message, { tensor: name, rows: entry.rows, cols: entry.cols });
  }
  const { type } = entry;
  requireSupported(name, type);
  if (spec.part?.of === undefined && spec.rows === 1 && weightType(type, 1) !== 'F32') {
    const message = `Tensor "${name}" is a vector stored as ${type}. Vectors work as F32, F16 or BF16.`;
    throw new LonghandError('unsupported/tensor-type', message, { tensor: name, type });
  }
  return { label: labelOf(spec), spec, type };
};

/** Where every tensor of the file goes, by its name; throws before anything is allocated. */
export const placeTensors = (
  model: GgufModel,
  architecture: Architecture,
  config: ModelConfig,
): ReadonlyMap<string, readonly Place[]> => {
  const specs = [
    ...Object.values(architecture.tensors(config)),
    ...Array.from({ length: config.layers }, (_, l) => Object.values(architecture.layer(config, l))).flat(),
  ];
  const places = new Map<string, Place[]>();
  for (const spec of specs) {
    const place = placeOne(model, architecture, spec);
    const known = places.get(spec.name) ?? [];
    // Projections that share a tensor share the first matrix of its pair.
    if (place && !known.some(({ label }) => label === place.label)) places.set(spec.name, [...known, place]);
  }
  for (const name of model.tensors.keys()) {
    if (places.has(name) || REDUNDANT.test(name)) continue;
    // Leaving it out would compute something else than the model means.
    const message = `Tensor "${name}" has no place in the ${architecture.name} models that Longhand computes.`;
    throw new LonghandError('unsupported/architecture', `${message} Use a model without it.`, {
      tensor: name,
    });
  }
  return places;
};
