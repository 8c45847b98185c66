// @ts-check
/** Of the package, what every visit that answers needs. */
const ENGINE = ['kernels.relaxed.wasm', 'worker.js'];

/**
 * One visit after another in one profile: what is asked, and what is fetched besides the page, its scripts and the engine.
 * @type {readonly { about: string, ask: object, fetched: string[], isFound?: boolean }[]}
 */
const visits = [
  { about: 'a text is read', ask: { id: 'kept' }, fetched: ['model.gguf'] },
  { about: 'it is found again', ask: { id: 'kept' }, fetched: ['model.gguf', 'reads.js'], isFound: true },
  {
    about: 'an answer of a form',
    ask: { kv: { store: 'none' }, settings: { schema: { const: 'attic' } } },
    fetched: ['constraint.js', 'model.gguf'],
  },
  {
    about: 'another method',
    ask: { kv: { store: 'none' }, attention: { method: 'a-shape' } },
    fetched: ['model.gguf', 'predictors.js'],
  },
  {
    about: 'a policy',
    ask: { kv: { store: 'none' }, retention: { policy: 'sinks-window' } },
    fetched: ['model.gguf', 'policies.js'],
  },
  { about: 'kept in files', ask: { kv: { store: 'opfs' } }, fetched: ['model.gguf', 'opfs.js'] },
  { about: 'encrypted', ask: { encrypt: true }, fetched: ['encrypted.js', 'model.gguf'] },
];

const late = (/** @type {number} */ seconds) =>
  new Promise((_, reject) =>
    setTimeout(() => reject(new Error('It takes too long.')), seconds * 1000).unref(),
  );

/** @typedef {{ answer: string, threads: number, warnings: string[], reusedTokens: number }} Said */

/** @param {import('playwright').Page} page @param {string} address @param {object} asked @returns {Promise<Said>} */
const answer = async (page, address, asked) => {
  await page.goto(address);
  const found = page.evaluate((options) => /** @type {any} */ (globalThis).ask(options), asked);
  return Promise.race([found, late(60)]);
};

const isRight = (/** @type {Said} */ said, /** @type {boolean} */ isFound) =>
  said.answer.includes('attic') &&
  said.threads === 1 &&
  said.warnings.length === 0 &&
  said.reusedTokens > 0 === isFound;

const complaintOf = (/** @type {string} */ about, /** @type {Said} */ said) =>
  `${about}: ${JSON.stringify(said)}`;

/** With threads, which only an isolated page has. @param {import('playwright').Page} page @param {string} address */
const threaded = async (page, address) => {
  const said = await answer(page, address, { threads: 2 });
  return said.answer.includes('attic') && said.threads === 2 ? [] : [complaintOf('isolated', said)];
};

/**
 * What is wrong with the answers of the app at an address, whatever it fetches.
 * @param {import('playwright').Page} page @param {string} address @param {boolean} isolated
 */
export const answers = async (page, address, isolated) => {
  if (isolated) return threaded(page, address);
  /** @type {string[]} */
  const complaints = [];
  for (const { about, ask, isFound = false } of visits) {
    const said = await answer(page, address, ask);
    if (!isRight(said, isFound)) complaints.push(complaintOf(about, said));
  }
  return complaints;
};

/**
 * Uses the app at an address as its visitors would, and compares every request with what was asked for.
 * @param {import('playwright').Browser} browser
 * @param {{ address: string }} server
 * @param {import('./serve.mjs').Recorder} seen
 * @param {{ scripts: string[], isolated: boolean, ignore?: RegExp }} expected scripts: of the page itself
 */
export const visit = async (browser, { address }, seen, { scripts, isolated, ignore = /^$/ }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  const complain = (/** @type {string} */ text) => void complaints.push(text);
  page.on('pageerror', (error) => complain(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complain(message.text());
  });
  context.on('request', (request) => {
    if (/^https?:/.test(request.url()) && !request.url().startsWith(address))
      complain(`asked for: ${request.url()}`);
  });
  const settle = (/** @type {string} */ about, /** @type {string[]} */ wanted) => {
    const list = (/** @type {string[]} */ names) =>
      names
        .filter((name) => !ignore.test(name))
        .sort()
        .join(' ');
    const [found, due] = [list(seen.take()), list(wanted)];
    if (found !== due) complain(`${about}: asked for\n  ${found}\n  instead of\n  ${due}`);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  };
  try {
    if (isolated) {
      complaints.push(...(await threaded(page, address)));
      settle('isolated', ['/', ...scripts, ...ENGINE, 'model.gguf', 'thread.js']);
      return;
    }
    for (const { about, ask, fetched, isFound = false } of visits) {
      const said = await answer(page, address, ask);
      if (!isRight(said, isFound)) complain(complaintOf(about, said));
      settle(about, ['/', ...scripts, ...ENGINE, ...fetched]);
    }
    // The GPU, which is only software here, is not waited for: its script and its kernels have to arrive.
    await page.goto(address);
    await page.evaluate(() => /** @type {any} */ (globalThis).reach({ backend: 'webgpu' }));
    // Its results are compared with those of the CPU, hence the kernels.
    const wanted = ['kernels.relaxed.wasm', 'shaders.json', 'webgpu.js'];
    for (let turn = 0; turn < 100 && !seen.has(wanted); turn++) await page.waitForTimeout(100);
    settle('the GPU', ['/', ...scripts, 'worker.js', 'model.gguf', ...wanted]);
  } finally {
    await context.close();
    seen.take();
  }
};
