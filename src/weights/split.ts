import { LonghandError } from '../errors.js';
import type { TensorEntry } from './gguf.js';
import { type GgufModel, openGguf } from './gguf-reader.js';
import { wantedDigest } from './integrity.js';
import { addressOf } from './kept-files.js';
import { isPath, openSource, type SourceInput, type SourceOptions } from './open-source.js';
import type { Source } from './source.js';

/** A model in one file, or in several: all of them in a list, in any order, or one of `-00001-of-0000N` by its name. */
export type ModelInput = SourceInput | readonly SourceInput[];

export interface ModelFileOptions extends Omit<SourceOptions, 'sha256' | 'model' | 'parts'> {
  /** Subresource integrity of the file, or of each file in the order of the list. */
  readonly integrity?: string | readonly string[] | undefined;
}

/** An opened model, and the sources it comes from. */
export interface ModelFile {
  readonly model: GgufModel;
  readonly sources: readonly Source[];
}

const PART = /-(\d{5})-of-(\d{5})(\.gguf)(?=$|[?#])/i;
const MAX_PARTS = 1000;

const wrong = (source: string, what: string): LonghandError =>
  new LonghandError(
    'model/corrupt',
    `${source} is no part of this model: ${what}. Pass all parts of one model.`,
    {
      source,
    },
  );

/** All files of a model that one of them names. */
const siblingsOf = (input: SourceInput): SourceInput[] => {
  if (typeof input !== 'string' && !(input instanceof URL)) return [input];
  const text = String(input);
  const count = Number(PART.exec(text)?.[2] ?? 1);
  if (count < 2 || count > MAX_PARTS) return [input];
  const digits = (number: number): string => String(number).padStart(5, '0');
  return Array.from({ length: count }, (_, i) =>
    text.replace(PART, `-${digits(i + 1)}-of-${digits(count)}$3`),
  );
};

/** Same order for everybody: two tabs that wait for each other's files in different orders would wait for ever. */
const inOrder = (inputs: readonly SourceInput[]): number[] =>
  inputs.map((_, i) => i).sort((a, b) => (String(inputs[a]) < String(inputs[b]) ? -1 : 1));

const splitOf = ({ metadata }: GgufModel) => ({
  count: metadata.number('split.count', 1),
  number: metadata.number('split.no', 0),
  tensors: metadata.number('split.tensors.count', -1),
});

interface Part {
  readonly source: Source;
  readonly head: GgufModel;
}

/** Checks that the parts, in order, are the whole of one model. */
const mergeTensors = (parts: readonly Part[]): Map<string, TensorEntry> => {
  const [{ head: first }] = parts as [Part];
  const { tensors: announced } = splitOf(first);
  const tensors = new Map<string, TensorEntry>();
  for (const [i, { source, head }] of parts.entries()) {
    const { count, number, tensors: total } = splitOf(head);
    if (count !== parts.length)
      throw wrong(source.label, `it is one of ${count} parts, but ${parts.length} were given`);
    if (number !== i) throw wrong(source.label, `it is part ${number + 1}, and part ${i + 1} is missing`);
    if (total !== announced) throw wrong(source.label, `its model has ${total} tensors, not ${announced}`);
    for (const key of ['general.architecture', 'general.name']) {
      const [found, expected] = [head, first].map(({ metadata }) => metadata.string(key, ''));
      if (found !== '' && found !== expected)
        throw wrong(source.label, `its ${key} is "${found}", not "${expected}"`);
    }
    for (const [name, entry] of head.tensors) {
      if (tensors.has(name)) throw wrong(source.label, `tensor "${name}" is in another part too`);
      tensors.set(name, entry);
    }
  }
  if (announced >= 0 && tensors.size !== announced) {
    throw wrong(first.label, `all parts hold ${tensors.size} tensors, but ${announced} are announced`);
  }
  return tensors;
};

/** The parts as one model. Only one of them is open at a time. */
const join = (parts: readonly Part[], signal: AbortSignal | undefined): GgufModel => {
  const tensors = mergeTensors(parts);
  const [{ head: first }] = parts as [Part];
  let open = first;
  return {
    label: first.label,
    version: first.version,
    metadata: first.metadata,
    tensors,
    bytes: parts.reduce((sum, { head }) => sum + head.bytes, 0),
    async *rows(rowSignal = signal) {
      let before = 0;
      for (const [i, { source, head }] of parts.entries()) {
        if (i > 0) open = await openGguf(source, rowSignal);
        if (open.bytes !== head.bytes || open.tensors.size !== head.tensors.size) {
          throw wrong(source.label, 'it changed while it was read');
        }
        for await (const piece of open.rows(rowSignal)) yield { ...piece, loaded: before + piece.loaded };
        before += head.bytes;
      }
    },
    close: () => open.close(),
  };
};

const openAll = async (
  inputs: readonly SourceInput[],
  sourceOf: (index: number) => Source,
  signal: AbortSignal | undefined,
): Promise<ModelFile> => {
  const parts: Part[] = [];
  for (const i of inOrder(inputs)) {
    const source = sourceOf(i);
    const head = await openGguf(source, signal);
    await head.close();
    parts.push({ source, head });
  }
  parts.sort((a, b) => splitOf(a.head).number - splitOf(b.head).number);
  mergeTensors(parts);
  const [first] = parts as [Part];
  parts[0] = { ...first, head: await openGguf(first.source, signal) };
  return { model: join(parts, signal), sources: parts.map(({ source }) => source) };
};

/**
 * Open a model, whole or in parts. Rejects as `openGguf` does, with `input/option` where `integrity` does not fit,
 * `input/type` for an empty list or one with repetitions, and `model/corrupt` for parts that do not belong together.
 */
export const openModelFile = async (
  input: ModelInput,
  { integrity, onWait, ...options }: ModelFileOptions = {},
  signal?: AbortSignal,
): Promise<ModelFile> => {
  const isList = Array.isArray(input);
  const inputs: readonly SourceInput[] = isList ? input : siblingsOf(input as SourceInput);
  if (
    inputs.length === 0 ||
    new Set(inputs.map((one) => (one instanceof URL ? one.href : one))).size < inputs.length
  ) {
    throw new LonghandError('input/type', 'A list of parts must name at least one file, and none twice.');
  }
  const digests = (integrity === undefined || typeof integrity === 'string' ? [integrity] : integrity).map(
    wantedDigest,
  );
  if (digests.length !== inputs.length && integrity !== undefined) {
    throw new LonghandError(
      'input/option',
      `The option integrity has ${digests.length} entries for ${inputs.length} files. Pass one for each, in their order.`,
      { option: 'integrity' },
    );
  }
  const isAddress = (one: SourceInput | undefined): one is string | URL =>
    one instanceof URL || (typeof one === 'string' && !isPath(one));
  const model = isAddress(inputs[0]) ? { model: addressOf(inputs[0]) } : {};
  // Of one part among several it would be no progress of the model.
  const whole = inputs.length === 1 ? { onWait } : {};
  const sourceOf = (index: number): Source =>
    openSource(inputs[index]!, {
      ...options,
      ...model,
      ...whole,
      sha256: digests[index],
      parts: inputs.length,
    });

  if (inputs.length > 1) return openAll(inputs, sourceOf, signal);
  const source = sourceOf(0);
  const head = await openGguf(source, signal);
  const { count, number } = splitOf(head);
  if (count <= 1) return { model: head, sources: [source] };
  await head.close();
  throw wrong(source.label, `it is part ${number + 1} of ${count}, and the others were not given`);
};
