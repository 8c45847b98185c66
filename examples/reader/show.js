// @ts-check
/** @returns {any} the element; it stands in the page */
export const byId = (/** @type {string} */ id) => document.getElementById(id);

export const bytes = (/** @type {number} */ n) =>
  n < 1e6 ? `${(n / 1e3).toFixed(0)} kB` : `${(n / 1e6).toFixed(1)} MB`;
export const seconds = (/** @type {number} */ s) =>
  s < 1 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(1)} s`;
const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`;
const speed = (/** @type {{ tokens: number, seconds: number }} */ { tokens, seconds: time }) =>
  tokens === 0 ? '–' : `${Math.round(tokens / time).toLocaleString()} tokens/s`;

/** 'dhsa boundaries=contrast … budget=2048 …' in a few words. */
const attention = (/** @type {string} */ signature) => {
  const [method, ...settings] = signature.split(' ');
  const of = new Map(settings.map((setting) => /** @type {[string, string]} */ (setting.split('='))));
  const budget = Number(of.get('budget') ?? 0);
  const density = Number(of.get('density') ?? 0);
  const limits = [
    budget > 0 ? `${budget.toLocaleString()} tokens a row` : '',
    density > 0 ? percent(density) : '',
  ];
  return [method, ...limits].filter(Boolean).join(', ');
};

/**
 * Rows of the panel.
 * @param {import('../../dist/index.js').ModelInfo} info
 * @param {import('../../dist/index.js').ContextStats | undefined} stats
 * @returns {HTMLElement[]}
 */
export const panelRows = (info, stats) => {
  /** @type {[string, string][]} */
  const rows = [
    ['Model', `${info.name}, ${(info.parameters / 1e6).toFixed(1)} M parameters`],
    [
      'Backend',
      `${info.backend}, ${info.build}, ${info.threads === 1 ? '1 thread' : `${info.threads} threads`}`,
    ],
    ['Attention', attention(info.attention)],
    ['Pages', `keys ${info.keys}, values ${info.values}`],
    ['Window', `${info.maxTokens.toLocaleString()} tokens`],
  ];
  if (stats) {
    rows.push(
      ['Context', `${stats.tokens.toLocaleString()} tokens`],
      ['Read before', `${stats.reusedTokens.toLocaleString()} tokens`],
      ['Read again', `${stats.recomputedTokens.toLocaleString()} tokens`],
      ['Density, reading', stats.prefill.tokens === 0 ? '–' : percent(stats.density.prefill)],
      ['Density, answering', stats.decode.tokens === 0 ? '–' : percent(stats.density.decode)],
      ['Reading', speed(stats.prefill)],
      ['Answering', speed(stats.decode)],
      ['Pages in memory', bytes(stats.bytes.pages)],
      ['Memory in all', bytes(stats.bytes.total)],
      ['On disk', `${bytes(stats.storedBytes)} (${info.store}, ${stats.storage})`],
    );
  }
  for (const warning of info.warnings) rows.push(['Warning', warning]);
  return rows.flatMap(([name, value]) => {
    const term = document.createElement('dt');
    term.textContent = name;
    const description = document.createElement('dd');
    description.textContent = value;
    return [term, description];
  });
};
