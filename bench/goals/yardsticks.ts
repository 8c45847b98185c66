/** Reading against the rate of matrix products, answering against the rate at which weights stream: one run each. */
import { SHAPES, type ShapeName } from '../../test/support/shape-model.js';
import { makeModel } from '../make-model.js';
import { type Goal, least, percent, table, times } from './goal.js';
import { openOurs } from './ours.js';
import { openPlace } from './place.js';
import { IN_A_ROW, operations, ratesOf, streamed } from './rates.js';

/** Tokens a second, and the yardsticks measured between the samples. */
export interface Speed {
  readonly label: string;
  readonly build: string;
  readonly read: number;
  readonly answer: number;
  readonly gemm: number;
  readonly stream: number;
  /** Not in results that were measured before there was one. */
  readonly gemmLong?: number;
  readonly sustained?: number;
  readonly paced?: number;
}

const PLACES = ['Chromium', 'Node'] as const;
export const TYPES = ['Q8_0', 'Q4_0'] as const;
const THREADS = [1, 2] as const;

const speedKey = (place: string, type: string, threads: number): string =>
  `${place} ${type}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;

export const yardsticks: Goal = {
  name: 'yardsticks',
  about: 'reading 512 tokens to the GEMM rate, answering to the weight-streaming rate, one thread and two',

  async measure(results, { quick, shape: name }) {
    const shape = SHAPES[name as ShapeName];
    const tokens = quick ? 128 : 512;
    const samples = quick ? 2 : 5;
    for (const place of PLACES) {
      for (const type of TYPES) {
        for (const threads of THREADS) {
          await results.row(speedKey(place, type, threads), async (): Promise<Speed> => {
            const there = await openPlace(place);
            try {
              const ours = await openOurs(there, makeModel(name, type), {
                threads,
                attention: { method: 'dense' },
              });
              const found = {
                read: [] as number[],
                answer: [] as number[],
                gemm: 0,
                gemmLong: 0,
                stream: 0,
                sustained: 0,
                paced: 0,
              };
              for (let i = 0; i < samples; i++) {
                // At the pace, and for the time, of the samples before it.
                const step = i > 0 ? 1000 * least(found.answer) : 0;
                const reading = i > 0 ? tokens * least(found.read) : 0;
                const rates = await ratesOf(there, shape, type, threads, quick ? 0.3 : 1, step, reading);
                found.gemmLong = Math.max(found.gemmLong, rates.gemmLong);
                found.gemm = Math.max(found.gemm, rates.gemm);
                found.stream = Math.max(found.stream, rates.stream);
                found.sustained = Math.max(found.sustained, rates.sustained);
                found.paced = Math.max(found.paced, rates.paced);
                const { read, answer } = await ours.sample(tokens, quick ? 8 : IN_A_ROW);
                found.read.push(read / tokens);
                found.answer.push(answer / (quick ? 8 : IN_A_ROW));
              }
              const { build } = ours;
              await ours.close();
              const best = { read: 1 / least(found.read), answer: 1 / least(found.answer) };
              return { label: there.label, build, ...found, ...best };
            } finally {
              await there.close();
            }
          });
        }
      }
    }
    const cells = (place: string, type: string, threads: number): string[] => {
      const speed = results.get<Speed>(speedKey(place, type, threads))!;
      const one = results.get<Speed>(speedKey(place, type, 1))!;
      return [
        `${place}, ${type}, ${threads}`,
        speed.read.toFixed(0),
        (speed.gemm / 1e9).toFixed(0),
        percent((speed.read * operations(shape)) / speed.gemm),
        speed.gemmLong ? (speed.gemmLong / 1e9).toFixed(0) : '',
        speed.gemmLong ? percent((speed.read * operations(shape)) / speed.gemmLong) : '',
        speed.answer.toFixed(1),
        (speed.stream / 1e9).toFixed(1),
        percent((speed.answer * streamed(shape, type)) / speed.stream),
        speed.sustained ? (speed.sustained / 1e9).toFixed(1) : '',
        speed.sustained ? percent((speed.answer * streamed(shape, type)) / speed.sustained) : '',
        speed.paced ? (speed.paced / 1e9).toFixed(1) : '',
        speed.paced ? percent((speed.answer * streamed(shape, type)) / speed.paced) : '',
        threads === 1 ? '' : `${times(speed.read / one.read)} / ${times(speed.answer / one.answer)}`,
      ];
    };
    const rows = PLACES.flatMap((place) =>
      TYPES.flatMap((type) => THREADS.map((threads) => cells(place, type, threads))),
    );
    return table(
      [
        ...['place, type, threads', 'reading 512, tokens/s', 'GEMM, GOP/s', 'of it'],
        ...['as long as a reading, GOP/s', 'of it', 'answering, tokens/s'],
        ...['weights, GB/s', 'of it', `${IN_A_ROW} passes in a row, GB/s`, 'of it'],
        ...['at the pace of the answers, GB/s', 'of it'],
        'to one thread, reading / answering',
      ],
      rows,
    );
  },
};
