import { expect, test } from 'vitest';
import { architectureOf } from '../../src/architectures/index.js';
import { loadWeights } from '../../src/model/weights.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { find, piecewise } from '../support/gguf-surgery.js';
import { type Random, random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';

const FILES = 12_000;

/** What a mutated file may be refused with. */
const CODES = /^(model\/corrupt|unsupported\/(architecture|tensor-type))$/;

const EVIL = [
  0n,
  1n,
  3n,
  127n,
  255n,
  65_535n,
  2n ** 31n - 1n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Sound files, where their tokenizer begins, and where their tensor table does. */
const SOUND = (['llama', 'qwen3'] as const).flatMap((architecture, seed) =>
  (['Q8_0', 'F16'] as const).map((type) => {
    const file = randomModel({
      architecture,
      type,
      tokenizer: 'gpt-2',
      seed,
      layers: 1,
      dim: 32,
      hidden: 32,
      heads: 2,
      kvHeads: 1,
      headDim: 16,
    });
    return { file, keys: find(file, 'tokenizer.ggml.model'), table: find(file, 'token_embd.weight') };
  }),
);

/** One to four changes, most of them in the head, in the places where they hurt. */
const mutate = (next: Random, { file, keys, table }: (typeof SOUND)[number]): Uint8Array<ArrayBuffer> => {
  let copy = file.slice();
  // Numbers and the tensor table decide what is allocated; 10 kB of vocabulary between them do not.
  const place = (): number => {
    const zone = next.below(8);
    if (zone < 3) return next.below(keys);
    if (zone < 6) return Math.min(copy.length - 8, table - 8 + next.below(1400));
    return next.below(copy.length - 8);
  };
  for (let change = next.below(4); change >= 0; change--) {
    const view = new DataView(copy.buffer);
    const at = place();
    const evil = EVIL[next.below(EVIL.length)]!;
    const kind = next.below(6);
    if (kind === 0) copy[at] = next.below(256);
    else if (kind === 1) copy[at]! ^= 1 << next.below(8);
    else if (kind === 2) view.setUint32(at, Number(evil & 0xffffffffn), true);
    else if (kind === 3) view.setBigUint64(at, evil, true);
    else if (kind === 4) copy.copyWithin(at, place(), Math.min(copy.length, place() + next.below(64)));
    else if (next.below(4) === 0) copy = copy.slice(0, Math.max(16, next.below(copy.length)));
  }
  return copy;
};

test(`${FILES} mutated files load, or are refused for what they are`, async () => {
  const next = random(20_251);
  const outcomes = new Map<string, number>();
  const device = {
    weight: (label: string, type: 'F32' | 'Q8_0' | 'Q4_0', rows: number, cols: number) => ({
      label,
      type,
      rows,
      cols,
    }),
    fill: () => {},
    free: () => {},
  };
  for (let i = 0; i < FILES; i++) {
    const file = mutate(next, SOUND[i % SOUND.length]!);
    const started = process.cpuUsage();
    try {
      const model = await openGguf(
        i % 3 === 0 ? piecewise(file, 1 + next.below(9000), false) : openSource(file),
      );
      const weights = await loadWeights(device, model, architectureOf(model.metadata));
      expect(weights.fingerprint).toMatch(/^[0-9a-f]{32}$/);
      outcomes.set('loads', (outcomes.get('loads') ?? 0) + 1);
    } catch (error) {
      const { code = String(error) } = error as { code?: string };
      if (!CODES.test(code)) throw new Error(`File ${i}: ${code}`, { cause: error });
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    }
    // A file of some kilobytes must not make the reader work for seconds. Counted in processor time: a busy machine is no
    // fault of the file.
    const worked = process.cpuUsage(started).user / 1000;
    if (worked > 5000) throw new Error(`File ${i} took ${worked} ms.`);
  }
  // The mutations reach every outcome: none of the refusals is what all files run into.
  for (const [outcome, count] of outcomes) expect(count, outcome).toBeGreaterThan(FILES / 1000);
  expect([...outcomes.keys()].sort()).toEqual([
    'loads',
    'model/corrupt',
    'unsupported/architecture',
    'unsupported/tensor-type',
  ]);
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(512 << 20);
}, 240_000);
