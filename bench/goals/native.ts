/** Beside native llama.cpp with the same number of threads, at 512 tokens and, with DHSA, at 8k. */
import { makeModel } from '../make-model.js';
import { timeLlama } from '../peers/llama-speed.mjs';
import { type Goal, least, table, times } from './goal.js';
import { openOurs } from './ours.js';
import { openPlace } from './place.js';
import { TYPES } from './yardsticks.js';

const THREADS = [1, 2] as const;
const PLACES = ['Chromium', 'Node'] as const;

interface Short {
  readonly version: string;
  /** Tokens a second of llama.cpp without and with flash attention. */
  readonly llama: { flash: boolean; read: number; answer: number }[];
  readonly ours: Record<string, { read: number; answer: number }>;
}
interface Long {
  readonly flash: boolean;
  readonly llama: number;
  readonly ours: number;
  readonly density: number;
}

export const native: Goal = {
  name: 'native',
  about: 'native llama.cpp, same threads: 512 tokens, and 8k with DHSA at a budget of 2048',

  async measure(results, { quick, shape }) {
    const tokens = quick ? 128 : 512;
    const long = quick ? 3072 : 8192;
    const answer = quick ? 8 : 32;
    const samples = quick ? 1 : 3;
    const rows: string[][] = [];
    const longRows: string[][] = [];
    let version = '';
    for (const type of TYPES) {
      const path = makeModel(shape, type);
      for (const threads of THREADS) {
        const label = `${type}, ${threads}`;
        const short = await results.row(`${label}, ${tokens} tokens`, async (): Promise<Short> => {
          const ours: Short['ours'] = {};
          for (const name of PLACES) {
            const place = await openPlace(name);
            const opened = await openOurs(place, path, { threads, attention: { method: 'dense' } });
            const found = [];
            for (let i = 0; i < samples; i++) found.push(await opened.sample(tokens, answer));
            await opened.close();
            await place.close();
            ours[name] = {
              read: tokens / least(found.map(({ read }) => read)),
              answer: answer / least(found.map((sample) => sample.answer)),
            };
          }
          const llama: Short['llama'] = [];
          let made = '';
          for (const flash of [false, true]) {
            const input = { path, threads, tokens, answer, samples, flashAttention: flash };
            const found = await timeLlama(input);
            made = found.version;
            llama.push({ flash, read: tokens / found.read, answer: answer / found.answer });
          }
          return { version: made, llama, ours };
        });
        version = short.version;
        const best = (pick: (one: { read: number; answer: number }) => number): number =>
          Math.max(...short.llama.map(pick));
        for (const [name, { read, answer: answered }] of Object.entries(short.ours)) {
          const [peerRead, peerAnswer] = [best((one) => one.read), best((one) => one.answer)];
          rows.push([
            `${label}, ${name}`,
            ...[read.toFixed(0), peerRead.toFixed(0), times(read / peerRead)],
            ...[answered.toFixed(1), peerAnswer.toFixed(1), times(answered / peerAnswer)],
          ]);
        }
        const flash = short.llama.find(({ read }) => read === best((one) => one.read))!.flash;
        const far = await results.row(`${label}, ${long} tokens`, async (): Promise<Long> => {
          const place = await openPlace('Chromium');
          const attention = { method: 'dhsa', budget: quick ? 1024 : 2048 } as const;
          const opened = await openOurs(place, path, { threads, attention, maxTokens: 40_000 });
          const { read, density } = await opened.sample(long, 0);
          await opened.close();
          await place.close();
          const both = [];
          for (const flashAttention of threads === 2 ? [true, false] : [flash]) {
            const found = await timeLlama({
              ...{ path, threads, tokens: long, answer: 0, samples: 1, flashAttention },
            });
            both.push({ flashAttention, seconds: found.read });
          }
          both.sort((a, b) => a.seconds - b.seconds);
          const [fastest] = both;
          return {
            ...{ flash: fastest!.flashAttention, llama: long / fastest!.seconds },
            ...{ ours: long / read, density },
          };
        });
        longRows.push([
          label,
          ...[far.ours.toFixed(0), far.llama.toFixed(0), times(far.ours / far.llama)],
          ...[`${(100 * far.density).toFixed(1)} %`, far.flash ? 'on' : 'off'],
        ]);
      }
    }
    return [
      ...table(
        [
          ...['type, threads, place', `reading ${tokens}, tokens/s`, 'llama.cpp', 'ratio'],
          ...['answering, tokens/s', 'llama.cpp', 'ratio'],
        ],
        rows,
      ),
      ...table(
        [
          ...['type, threads', `reading ${long} in Chromium with DHSA, tokens/s`, 'llama.cpp', 'ratio'],
          ...['density read', 'flash attention of llama.cpp'],
        ],
        longRows,
      ),
      `llama.cpp: ${version}, CPU, the faster of its two attentions.`,
      '',
    ];
  },
};
