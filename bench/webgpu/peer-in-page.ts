/** What is called in a page to measure ONNX Runtime Web's attention there. Bundled by bench/webgpu.ts. */

import { noise } from './noise.js';
import { type GqaShape, groupQueryAttention } from './one-node.js';

export interface PeerInput extends GqaShape {
  /** Address of onnxruntime-web's module. */
  readonly runtime: string;
  readonly lengths: readonly number[];
  readonly rows: number;
  readonly rounds: number;
}

export interface PeerMark {
  readonly tokens: number;
  /** Milliseconds, the least of the rounds, or why there are none. */
  readonly ms: number | string;
}

/** As much of onnxruntime-web as is used. */
interface Runtime {
  readonly env: { readonly webgpu: { readonly device: Promise<GPUDevice> } };
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
      options: object,
    ): Promise<{
      run(feeds: object): Promise<Readonly<Record<string, { dispose(): void }>>>;
      release(): Promise<void>;
    }>;
  };
  readonly Tensor: (new (
    type: string,
    values: Int32Array,
    dims: readonly number[],
  ) => object) & {
    fromGpuBuffer(buffer: GPUBuffer, how: { dataType: string; dims: readonly number[] }): object;
  };
}

/** Its dense attention of the last rows of texts of these lengths, inputs and outputs on the GPU, keys and values in f32. */
export const measurePeer = async (input: PeerInput): Promise<PeerMark[]> => {
  const { heads, kvHeads, dim, rows, rounds } = input;
  const { env, InferenceSession, Tensor } = (await import(input.runtime)) as Runtime;
  const session = await InferenceSession.create(groupQueryAttention(input), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  const device = await env.webgpu.device;
  const marks: PeerMark[] = [];
  for (const tokens of input.lengths) {
    const buffers: GPUBuffer[] = [];
    const onGpu = (dims: readonly number[]): object => {
      const values = noise(dims.reduce((a, b) => a * b));
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      const buffer = device.createBuffer({ size: Math.ceil(values.byteLength / 16) * 16, usage });
      device.queue.writeBuffer(buffer, 0, values);
      buffers.push(buffer);
      return Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims });
    };
    const past = [1, kvHeads, tokens - rows, dim];
    try {
      const feeds = {
        query: onGpu([1, rows, heads * dim]),
        key: onGpu([1, rows, kvHeads * dim]),
        value: onGpu([1, rows, kvHeads * dim]),
        past_key: onGpu(past),
        past_value: onGpu(past),
        seqlens_k: new Tensor('int32', Int32Array.of(tokens - 1), [1]),
        total_sequence_length: new Tensor('int32', Int32Array.of(tokens), []),
      };
      let least = Number.POSITIVE_INFINITY;
      // The first round compiles and warms up.
      for (let round = 0; round <= rounds; round++) {
        const started = performance.now();
        const found = await session.run(feeds);
        await device.queue.onSubmittedWorkDone();
        if (round > 0) least = Math.min(least, performance.now() - started);
        for (const tensor of Object.values(found)) tensor.dispose();
      }
      marks.push({ tokens, ms: least });
    } catch (error) {
      marks.push({ tokens, ms: (error as Error).message.split('\n')[0]!.slice(0, 80) });
    }
    for (const buffer of buffers) buffer.destroy();
  }
  await session.release();
  return marks;
};
