// @ts-check
import { desk } from './desk.js';
import { byId, rows } from './dom.js';
import { bytes, count, percent, speed } from './numbers.js';

/** 'dhsa boundaries=contrast … budget=2048 …' in a few words. */
const attention = (/** @type {string} */ signature) => {
  const [method, ...settings] = signature.split(' ');
  const of = new Map(settings.map((setting) => /** @type {[string, string]} */ (setting.split('='))));
  const budget = Number(of.get('budget') ?? 0);
  const density = Number(of.get('density') ?? 0);
  const limits = [budget > 0 ? `${count(budget)} tokens a row` : '', density > 0 ? percent(density) : ''];
  return [method, ...limits].filter(Boolean).join(', ');
};

/** @param {import('../../dist/index.js').ModelInfo} info @returns {[string, string][]} */
const engine = (info) => [
  ['Window', `${count(info.maxTokens)} tokens`],
  ['Attention', attention(info.attention)],
  ['Pages', `keys ${info.keys}, values ${info.values}`],
  [
    'Backend',
    `${info.backend}, ${info.build}, ${info.threads === 1 ? '1 thread' : `${info.threads} threads`}`,
  ],
];

/** @param {import('../../dist/index.js').ContextStats} stats @returns {[string, string][]} */
const text = (stats) => [
  ['Context', `${count(stats.tokens)} tokens`],
  ['Read before', `${count(stats.reusedTokens)} tokens`],
  ['Read again', `${count(stats.recomputedTokens)} tokens`],
  ['Reading', speed(stats.prefill)],
  ['Answering', speed(stats.decode)],
  ['Density, reading', stats.prefill.tokens === 0 ? '–' : percent(stats.density.prefill)],
  ['Density, answering', stats.decode.tokens === 0 ? '–' : percent(stats.density.decode)],
  ['Pages in memory', bytes(stats.bytes.pages)],
  [
    'Of the budget',
    `${bytes(stats.memory.used)} of ${bytes(stats.memory.budget)}${stats.memory.over > 0 ? `, ${bytes(stats.memory.over)} over it` : ''}`,
  ],
  ['Fetched from disk', stats.paging.records > 0 ? bytes(stats.paging.bytes) : '–'],
  ['Memory in all', bytes(stats.bytes.total)],
];

/** Brings the panel up to date, and tells what it read there. */
export const showPanel = async () => {
  const { info } = desk.model;
  const stats = await desk.session?.stats();
  const disk = stats
    ? [
        /** @type {[string, string]} */ ([
          'On disk',
          `${bytes(stats.storedBytes)} (${info.store}, ${stats.storage})`,
        ]),
      ]
    : [];
  const warnings = info.warnings.map((warning) => /** @type {[string, string]} */ (['Warning', warning]));
  byId('panel').replaceChildren(
    ...rows([...(stats ? text(stats) : []), ...disk, ...engine(info), ...warnings]),
  );
  return stats;
};
