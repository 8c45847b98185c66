/** A model in several files is the same model. */

import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ModelSource } from '../../src/engine/engine.js';
import { load } from '../../src/engine/index.js';
import { deleteModel, models } from '../../src/weights/kept-files.js';
import { openModelFile } from '../../src/weights/split.js';
import { createFakeDevice } from '../support/fake-device.js';
import { kernelsUrl } from '../support/kernels.js';
import { type ModelServer, startModelServer } from '../support/model-server.js';
import { randomModel } from '../support/random-model.js';
import { splitModel } from '../support/split-model.js';

const WHOLE = randomModel({ architecture: 'llama', type: 'Q8_0', tokenizer: 'spm', seed: 3 });
const COUNT = 3;
const nameOf = (part: number, count = COUNT): string =>
  `m-${String(part).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`;

let folder: string;
let parts: Uint8Array<ArrayBuffer>[];
let server: ModelServer;
let whole: Awaited<ReturnType<typeof seen>>;
const seen = async (source: ModelSource, options = {}) => {
  const shares: number[] = [];
  const model = await load(source, {
    kv: { store: 'none' },
    kernelsUrl,
    onProgress: ({ loaded, total }) => shares.push(loaded / total),
    ...options,
  });
  const context = await model.context();
  await context.append([1, 2, 3, 4, 5]);
  const logits = [...(await context.logits())];
  await model.close();
  expect(shares.at(-1)).toBe(1);
  expect([...shares].sort((a, b) => a - b)).toEqual(shares);
  return { logits, fingerprint: model.info.fingerprint, parameters: model.info.parameters, info: model.info };
};
const same = ({ logits, fingerprint, parameters }: typeof whole): void =>
  expect({ logits, fingerprint, parameters }).toEqual({
    logits: whole.logits,
    fingerprint: whole.fingerprint,
    parameters: whole.parameters,
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parts-'));
  server = await startModelServer();
  parts = await splitModel(WHOLE, COUNT);
  for (const [i, bytes] of parts.entries()) {
    await writeFile(join(folder, nameOf(i + 1)), bytes);
    server.files.set(`/${nameOf(i + 1)}`, { bytes });
  }
  whole = await seen(WHOLE);
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

describe('all parts are found', () => {
  test('from the path of one', async () => {
    for (const part of [1, 2]) same(await seen(join(folder, nameOf(part))));
  });

  test('from the URL of one, with what follows its name', async () => {
    const { info, ...rest } = await seen(`${server.address}/${nameOf(1)}?token=1`);
    same({ info, ...rest });
    expect(info.cached).toBe(false);
  });

  test('in a list, in any order', async () => {
    const blobs = parts.map((bytes) => new Blob([bytes]));
    same(await seen([blobs[2]!, blobs[0]!, blobs[1]!]));
    same(await seen([parts[1]!, join(folder, nameOf(1)), new URL(`${server.address}/${nameOf(3)}`)]));
  });

  test('and kept as one model, each part downloaded once', async () => {
    vi.stubGlobal('navigator', createFakeDevice().navigator);
    try {
      server.log.length = 0;
      const url = `${server.address}/${nameOf(1)}`;
      const first = await seen(url, { cache: true });
      same(first);
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      expect(first.info).toMatchObject({ cached: true, warnings: [], downloadedBytes: bytes });
      for (const [i, part] of parts.entries()) expect(server.sent(`/${nameOf(i + 1)}`)).toBe(part.length);
      const second = await seen(url, { cache: true });
      same(second);
      expect(second.info).toMatchObject({ cached: true, downloadedBytes: 0 });
      expect(await models()).toEqual([
        expect.objectContaining({ url, name: nameOf(1), parts: COUNT, bytes, complete: true }),
      ]);
      await deleteModel(`${server.address}/${nameOf(2)}`);
      expect(await models()).toEqual([]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('each with its own integrity', async () => {
    const integrity = parts.map((part) => `sha256-${createHash('sha256').update(part).digest('base64')}`);
    same(await seen(parts, { integrity }));
    const refused = [
      [[...integrity].reverse(), 'model/corrupt'],
      [integrity.slice(1), 'input/option'],
      ['sha256-no', 'input/option'],
    ] as const;
    for (const [wrong, code] of refused) {
      await expect(load(parts, { integrity: wrong })).rejects.toMatchObject({ code });
    }
  });
});

describe('what is no whole model is refused', () => {
  const refusal = (source: ModelSource): Promise<string> =>
    openModelFile(source).then(
      () => 'nothing',
      ({ code, message }) => `${code}: ${message}`,
    );

  test('parts that are missing', async () => {
    expect(await refusal(parts[0]!)).toMatch(/^model\/corrupt: .*part 1 of 3, and the others were not given/);
    expect(await refusal([parts[0]!, parts[1]!])).toMatch(
      /^model\/corrupt: .*one of 3 parts, but 2 were given/,
    );
    const lonely = join(folder, nameOf(1, 4));
    await writeFile(lonely, parts[0]!);
    expect(await refusal(lonely)).toMatch(/^model\/unreachable: .*m-00002-of-00004/);
  });

  test('parts given twice, and none', async () => {
    expect(await refusal([])).toMatch(/^input\/type/);
    expect(await refusal([parts[0]!, parts[0]!])).toMatch(/^input\/type/);
    const twice = await refusal([parts[0]!, parts[1]!, parts[1]!.slice()]);
    expect(twice).toMatch(/^model\/corrupt: .*it is part 2, and part 3 is missing/);
  });

  test('parts of different models', async () => {
    const [, other] = await splitModel(WHOLE, COUNT, (keys) => ({ ...keys, tensors: keys.tensors + 1 }));
    expect(await refusal([parts[0]!, other!, parts[2]!])).toMatch(/^model\/corrupt: .*tensors, not/);
    const [, , again] = await splitModel(WHOLE, COUNT, (keys) => ({ ...keys, no: (keys.no + 1) % COUNT }));
    expect(await refusal([again!, parts[1]!, parts[2]!])).toMatch(/^model\/corrupt/);
    const [, , less] = await splitModel(WHOLE, COUNT + 1, (keys) => ({ ...keys, count: COUNT }));
    expect(await refusal([parts[0]!, parts[1]!, less!])).toMatch(/^model\/corrupt/);
  });
});
