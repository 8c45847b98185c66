// @ts-check
import { bytesOf } from './budgets.js';
import { desk } from './desk.js';
import { byId, make, rows } from './dom.js';
import { showLasting } from './lasting.js';
import { bytes, count, percent, speed } from './numbers.js';

const EVERY_MS = 500;

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

/** @typedef {import('../../dist/index.js').ContextStats} Stats */

const HELD = 'Pages in memory';
/** The share of the text's pages that is in memory. @param {Stats} stats */
const heldOf = ({ pagesResident, pagesStored }) => pagesResident / Math.max(1, pagesResident, pagesStored);

const REASONS = {
  none: 'nothing is kept',
  full: 'the disk has no room',
  unavailable: 'nothing can be kept',
  unstored: 'not stored yet, or read in one step',
};

/** @param {Stats['memory']} memory */
const over = ({ over: more, reason }) =>
  more > 0 ? `, ${bytes(more)} over it${reason ? `: ${REASONS[reason]}` : ''}` : '';

/** @param {Stats} stats @returns {[string, string][]} */
const text = (stats) => [
  ['Context', `${count(stats.tokens)} tokens`],
  ['Read before', `${count(stats.reusedTokens)} tokens`],
  ['Read again', `${count(stats.recomputedTokens)} tokens`],
  ['Reading', speed(stats.prefill)],
  ['Answering', speed(stats.decode)],
  ['Density, reading', stats.prefill.tokens === 0 ? '–' : percent(stats.density.prefill)],
  ['Density, answering', stats.decode.tokens === 0 ? '–' : percent(stats.density.decode)],
  [HELD, `${bytes(stats.bytes.pages)}, ${percent(heldOf(stats))}`],
  ['Of the budget', `${bytes(stats.memory.used)} of ${bytes(stats.memory.budget)}${over(stats.memory)}`],
  ['Fetched from disk', stats.paging.records > 0 ? bytes(stats.paging.bytes) : '–'],
  ['Memory in all', bytes(stats.bytes.total)],
];

/** What of a text's pages is in memory, as a bar beside the number; the rest of the bar is on disk. @param {Stats} stats */
const showHeld = (stats) => {
  const held = make('span');
  held.style.width = `${100 * heldOf(stats)}%`;
  const row = [...byId('panel').querySelectorAll('dt')].find(({ textContent }) => textContent === HELD);
  row?.nextElementSibling?.append(make('span', { className: 'held' }, held));
};

/** The budget for the disk, where one was chosen. */
const room = () => {
  const most = bytesOf('disk');
  return most === undefined ? '' : ` of ${bytes(most)}`;
};

/** Brings the panel up to date, and tells what it read there. */
export const showPanel = async () => {
  const { info } = desk.model;
  const stats = await desk.session?.stats();
  const disk = stats
    ? [
        /** @type {[string, string]} */ ([
          'On disk',
          `${bytes(stats.storedBytes)}${room()} (${info.store}, ${stats.storage})`,
        ]),
      ]
    : [];
  const warnings = info.warnings.map((warning) => /** @type {[string, string]} */ (['Warning', warning]));
  byId('panel').replaceChildren(
    ...rows([...(stats ? text(stats) : []), ...disk, ...engine(info), ...warnings]),
  );
  if (stats) showHeld(stats);
  showLasting(info, stats);
  return stats;
};

/** Keeps the panel up to date while something runs, until the function that it gives is called. */
export const watchPanel = () => {
  let over = false;
  const watch = async () => {
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      // What ends meanwhile shows its own last figures.
      if (!over) await showPanel().catch(() => undefined);
    }
  };
  void watch();
  return () => {
    over = true;
  };
};
