/** How many pages lie in a record: keeping, attaching and fetching at several aims, `node bench/run.mjs groups`. */
import { parseArgs } from 'node:util';
import { intoPage } from './into-page.js';
import type { GroupsMark, GroupsTask } from './stores/groups.js';
import { runInWorker } from './stores/in-worker.js';

const { values } = parseArgs({
  options: { segments: { type: 'string', default: '16' }, rounds: { type: 'string', default: '4' } },
});
const task: GroupsTask = {
  shapes: [
    { name: 'SmolLM2-135M', layers: 30, kvHeads: 3, dim: 64 },
    { name: 'Qwen2.5-0.5B', layers: 24, kvHeads: 2, dim: 64 },
  ],
  kilobytes: [24, 64, 128, 256, 512],
  segments: Number(values.segments),
  rounds: Number(values.rounds),
};
const { found, made } = await runInWorker<GroupsMark>('groups', task);
const ms = ([best, middle]: readonly [number, number]): string => `${best.toFixed(0)} / ${middle.toFixed(0)}`;
const rows = found.map(
  ({ shape, store, kilobytes, records, bytes, keeping, attaching, step2, step8 }) =>
    `| ${shape}, ${store} | ${kilobytes} KB | ${records} of ${Math.round(bytes / 1024)} KB | ${keeping.toFixed(0)} | ${attaching.toFixed(0)} | ${ms(step2)} | ${ms(step8)} |`,
);
intoPage(
  'docs/adr/0012-records-of-single-layers.md',
  'groups',
  [
    '| shape, store | aim | records of a segment | keeping 1,000 tokens, ms | attaching, ms | step that misses 2 pages a layer, ms | 8 pages, ms |',
    '|---|---:|---:|---:|---:|---:|---:|',
    ...rows,
  ].join('\n'),
  `${made}; ${task.segments * 256} tokens, q8 keys and values; the least of ${task.rounds} rounds, of steps best / middle.`,
);
