/**
 * What keeps the reader's page from answering a touch: the longest tasks of its main thread while it opens, reads the
 * bundled book (or its beginning), answers, shows where from, and comes back, and what each of them did. Times are of the
 * processor, so that other programs do not count; `seen` is what the browser itself reports as long (50 ms of the clock).
 * `node bench/run.mjs long-tasks [--characters 100000] [--phone] [--into-page]`
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright';
import { serve } from '../examples/serve.mjs';
import { chromiumArguments, ensureChromium } from '../test/support/chromium.mjs';
import { intoPage } from './into-page.js';
import { readTrace, type Task } from './trace-tasks.js';

const { values: options } = parseArgs({
  options: {
    characters: { type: 'string' },
    phone: { type: 'boolean', default: false },
    'into-page': { type: 'boolean', default: false },
  },
});
const LONGEST = 3;
const viewport = options.phone ? { width: 390, height: 844 } : { width: 1280, height: 800 };

const reached = (page: Page, ...states: string[]): Promise<void> =>
  page.locator(states.map((state) => `body[data-state="${state}"]`).join(', ')).waitFor();
const answered = async (page: Page, number: number): Promise<void> => {
  await page.locator(`#transcript article:nth-child(${number}) .answer[data-done]`).waitFor();
  await reached(page, 'ready');
};
const put = async (page: Page, question: string): Promise<void> => {
  await page.locator('#question').fill(question);
  await page.locator('#question').press('Enter');
};

const read = async (page: Page): Promise<void> => {
  const { characters } = options;
  if (characters === undefined) await page.locator('#read').click();
  else {
    const buffer = readFileSync('examples/books/sherlock.txt').subarray(0, Number(characters));
    await page.locator('#file').setInputFiles({ name: 'book.txt', mimeType: 'text/plain', buffer });
  }
  await reached(page, 'reading');
  await reached(page, 'ready');
};

/** What the strip is touched for: places by mouse and keyboard, and a page of another width. */
const touch = async (page: Page): Promise<void> => {
  const box = (await page.locator('#strip').boundingBox())!;
  for (const at of [0.1, 0.5, 0.9]) {
    await page.mouse.click(box.x + box.width * at, box.y + box.height / 2);
    await page.waitForTimeout(300);
  }
  await page.locator('#strip').focus();
  for (const key of ['Home', 'ArrowRight', 'PageUp', 'PageUp', 'Enter']) await page.keyboard.press(key);
  await page.setViewportSize({ ...viewport, width: viewport.width - 60 });
  await page.waitForTimeout(300);
  await page.setViewportSize(viewport);
};

const phases: [string, (page: Page, address: string) => Promise<void>][] = [
  [
    'opens',
    async (page, address) => {
      await page.goto(`${address}examples/reader/`);
      await reached(page, 'empty');
    },
  ],
  ['reads', read],
  ['answers', (page) => put(page, 'Who came to the door that evening?').then(() => answered(page, 1))],
  ['shows where from', touch],
  ['comes back', (page) => page.reload().then(() => reached(page, 'ready'))],
  ['answers again', (page) => put(page, 'Where was the lamp left?').then(() => answered(page, 1))],
];

const server = await serve();
const browser = await chromium.launch({ executablePath: await ensureChromium(), args: chromiumArguments });
try {
  const page = await (await browser.newContext({ viewport })).newPage();
  page.setDefaultTimeout(0);
  page.on('pageerror', (error) => console.error(`In the page: ${error.message}`));
  const found: { phase: string; seen: number; count: number; longest: readonly Task[] }[] = [];
  await page.addInitScript(() => {
    const all: number[] = [];
    Object.assign(globalThis, { longTasks: all });
    new PerformanceObserver((list) => all.push(...list.getEntries().map(({ duration }) => duration))).observe(
      {
        type: 'longtask',
        buffered: true,
      },
    );
  });
  for (const [phase, run] of phases) {
    await page.evaluate(() => (globalThis as { longTasks?: number[] }).longTasks?.splice(0));
    await browser.startTracing(page, {
      categories: [
        'devtools.timeline',
        'disabled-by-default-devtools.timeline',
        'blink.user_timing',
        'v8',
        '__metadata',
      ],
    });
    await run(page, server.address);
    // What belongs to it comes behind it: the panel, what is kept.
    await page.waitForTimeout(500);
    await page.evaluate(() => performance.mark('here'));
    const { count, longest } = readTrace(await browser.stopTracing(), 'here', LONGEST);
    const seen = await page.evaluate(() => (globalThis as { longTasks?: number[] }).longTasks?.length ?? 0);
    found.push({ phase, seen, count, longest });
    console.log(`${phase}: ${count} tasks, ${longest[0]?.milliseconds.toFixed(1)} ms the longest`);
  }
  const lines = [
    '| the page | tasks | longest, ms | seen | what the longest did |',
    '|---|---:|---:|---:|---|',
    ...found.flatMap(({ phase, seen, count, longest }) =>
      longest.map(({ milliseconds, causes }, n) =>
        n === 0
          ? `| ${phase} | ${count} | ${milliseconds.toFixed(1)} | ${seen} | ${causes} |`
          : `| | | ${milliseconds.toFixed(1)} | | ${causes} |`,
      ),
    ),
  ].join('\n');
  const date = new Date().toISOString().slice(0, 10);
  const made = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, Chromium ${browser.version()}, ${date}.`;
  if (options['into-page']) intoPage('docs/LIMITS.md', 'long-tasks', lines, made);
  else console.log(lines);
} finally {
  await browser.close();
  await server.close();
}
