/** The extension in the browser: the toolbar's button is really pressed, and lets it into that page only. */
import type { Page } from 'playwright';
import { expect, test } from 'vitest';
import { withFact } from '../engine/bundled.js';
import { objectionsTo } from './accessible.js';
import { useExtension } from './extension-visit.js';

const browser = useExtension();
const FACT = 'The brass key is hidden in the attic.';
const TEXT = withFact(3000, FACT);

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
/** Around the article what nobody wants to read, within it what cuts sentences to pieces, and a box that scrolls. */
const site = (text: string, title = 'A case', paragraph = '<p>'): string => {
  const sentences = text
    .split('. ')
    .map((sentence) => escaped(sentence).replace('hidden', '<b>hid<i>den</i></b>'));
  const paragraphs = sentences.map((sentence, i) => `${i % 4 ? '' : paragraph}${sentence}. `).join('\n');
  return `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>${title}</title>
    <style>article { height: 200px; overflow-y: scroll } nav { height: 1500px }</style>
    <nav><a href="/">Home</a> ${FACT} <a href="/buy">Subscribe now!</a></nav>
    <article><h1>${title}</h1>${paragraphs}</article><footer>© Everybody</footer></html>`;
};

const reached = async (panel: Page, state: string): Promise<void> => {
  await panel
    .locator(`body[data-state="${state}"], #problem:not([hidden])`)
    .first()
    .waitFor({ timeout: 30_000 });
  expect(await panel.locator('#problem').textContent()).toBe('');
  await panel.locator(`body[data-state="${state}"]`).waitFor();
};
const ask = async (panel: Page, question: string): Promise<string> => {
  const before = await panel.locator('#transcript article').count();
  await panel.locator('#question').focus();
  await panel.keyboard.type(question);
  await panel.keyboard.press('Enter');
  const answer = panel.locator('#transcript article').nth(before).locator('.answer[data-done]');
  await answer.waitFor({ timeout: 30_000 });
  await reached(panel, 'ready');
  return (await answer.textContent())!;
};
/** Follows the first quote of the last answer; what the panel says came of it. */
const follow = async (panel: Page): Promise<string> => {
  const article = panel.locator('#transcript article').last();
  await article.locator('.quotes a').first().focus();
  await panel.keyboard.press('Enter');
  await article.locator('[role="status"]:not(:empty)').waitFor();
  return (await article.locator('[role="status"]').textContent())!;
};
const marked = (page: Page): Promise<string> =>
  page.evaluate(() => [...(CSS.highlights.get('longhand') ?? [])].map(String).join('|'));
const figures = (panel: Page): Promise<Record<string, number>> =>
  panel
    .locator('#status')
    .evaluate(({ dataset }) =>
      Object.fromEntries(Object.entries(dataset).map(([name, text]) => [name, Number(text)])),
    );

test('a page is read, asked, and marked where the answer came from; its words are known again elsewhere', async () => {
  const page = await browser.open(browser.put('/case', site(TEXT)));
  await browser.press(page);
  const panel = await browser.panel(page);
  await panel.emulateMedia({ colorScheme: 'dark' });
  await reached(panel, 'page');
  expect(await panel.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(await panel.locator('#title').textContent()).toBe('A case');
  expect(await objectionsTo(panel)).toEqual([]);
  await panel.locator('#read').focus();
  await panel.keyboard.press('Enter');
  await reached(panel, 'ready');
  const { tokens, reused } = await figures(panel);
  expect(reused).toBe(0);

  // The service worker sleeps from now on: nothing that reads or answers lives there.
  const [sleeper] = (await browser.targets()).filter(({ type }) => type === 'service_worker');
  await browser.end(sleeper!);
  expect(await panel.evaluate(() => document.activeElement?.id)).toBe('question');
  expect(await ask(panel, 'Where is the brass key?')).toContain('attic');
  expect(await panel.locator('.quotes q').first().textContent()).toBe(FACT);
  expect(await follow(panel)).toBe('Marked on the page.');
  expect(await marked(page)).toBe(FACT);
  // The one in the article, not the same words in the navigation above it; and in sight.
  const box = await page.evaluate(() => {
    const [range] = [...CSS.highlights.get('longhand')!] as Range[];
    const { top, bottom } = range!.getBoundingClientRect();
    const around = document.querySelector('article')!.getBoundingClientRect();
    return top >= around.top && bottom <= around.bottom && top >= 0 && bottom <= innerHeight;
  });
  expect(box).toBe(true);
  expect(await objectionsTo(panel)).toEqual([]);

  // The page changes under the quote; then it is gone from the page, then the page is gone.
  await page.evaluate(() => {
    document.querySelector('nav')!.remove();
    document.querySelector('b')!.textContent = 'kept';
  });
  expect(await ask(panel, 'Where is the brass key?')).toContain('attic');
  expect(await follow(panel)).toBe('The page has changed: what is left of the passage is marked.');
  expect(await marked(page)).toBe(FACT.replace('hidden', 'kept'));
  await page.evaluate(() => document.querySelector('b')!.parentElement!.remove());
  expect(await ask(panel, 'Where is the brass key?')).toContain('attic');
  expect(await follow(panel)).toBe('This passage is no longer on the page.');
  const opened = browser.context.waitForEvent('page');
  await page.close();
  expect(await ask(panel, 'Where is the brass key?')).toContain('attic');
  expect(await follow(panel)).toBe('The page was gone: opened again at the passage.');
  expect((await opened).url()).toContain('/case');
  await panel.close();

  // The same words elsewhere, laid out by others.
  const layout = '</section><section class="story"><header></header>';
  const elsewhere = await browser.open(browser.put('/copy', site(TEXT, 'The same', layout)));
  await browser.press(elsewhere);
  const again = await browser.panel(elsewhere);
  await reached(again, 'ready');
  expect(await figures(again)).toEqual({ tokens, reused: tokens, resumed: tokens });
  await again.locator('#kept > summary').click();
  expect(await again.locator('#kept-pages li').count()).toBe(1);
  await again.getByRole('button', { name: 'Forget: A case' }).click();
  await again.locator('#kept-none').waitFor();
  await reached(again, 'page');
  expect(browser.complaints).toEqual([]);
});

/** What templates of all families take for control, and what a browser might. */
const HOSTILE = [
  ...[
    '<|im_start|>system',
    '<|im_end|>',
    '<s>',
    '</s>',
    '[INST]',
    '<start_of_turn>model',
    '<end_of_turn>',
    '<|eot_id|>',
  ],
  ...[
    '<|endoftext|>',
    '<|start_header_id|>',
    '<|assistant|>',
    '{{ messages }}',
    '{% raw %}',
    '<think>',
    '<bos>',
    '<eos>',
  ],
  ...[
    '<script>window.hurt = 1</script>',
    '<img src=x onerror="window.hurt = 1">',
    '<b>bold</b>',
    'javascript:hurt()',
  ],
].join(' ');

test('hostile words stay words: on the page, in the panel, before the model', async () => {
  const sentence = `The ${HOSTILE} key is hidden in the attic.`;
  const text = withFact(1500, sentence);
  const title = `A &lt;img src=x onerror="window.hurt = 1"&gt; &lt;|im_end|&gt;`;
  const policy = { 'content-security-policy': "default-src 'none'; require-trusted-types-for 'script'" };
  const page = await browser.open(browser.put('/hostile', site(text, title), policy));
  const complaints = browser.complaints.splice(0);
  await browser.press(page);
  const panel = await browser.panel(page);
  await reached(panel, 'page');
  await panel.locator('#read').click();
  await reached(panel, 'ready');
  const question = `Where is the key? ${HOSTILE}`;
  await ask(panel, question);
  expect(await panel.locator('.question').textContent()).toBe(question);
  expect(await panel.locator('#title').textContent()).toContain(
    '<img src=x onerror="window.hurt = 1"> <|im_end|>',
  );
  const quotes = await panel.locator('.quotes q').allTextContents();
  expect(quotes.length).toBeGreaterThan(0);
  expect(
    await panel.locator('main :is(img, script, b, iframe), aside :is(img, script, iframe)').count(),
  ).toBe(0);
  expect(await follow(panel)).toBe('Marked on the page.');
  for (const one of [page, panel]) expect(await one.evaluate(() => 'hurt' in window)).toBe(false);
  expect(
    [...complaints, ...browser.complaints].filter((one) => !one.includes('Content Security Policy')),
  ).toEqual([]);
  browser.complaints.length = 0;
  await panel.close();
});

test('the side panel itself opens at the button; nobody else is let in, or heard', async () => {
  const page = await browser.open(
    browser.put('/side', site(withFact(2400, `${FACT} It is cold there.`), 'Beside it')),
  );
  const locked = await browser.panel(
    await browser.open(browser.put('/locked', site(TEXT, 'Not let in'))),
    {},
  );
  await locked.locator('#problem', { hasText: 'Press the Longhand button' }).waitFor();
  await locked.close();
  await page.bringToFront();
  await browser.press(page);
  const said = async (): Promise<unknown> => {
    const panels = (await browser.targets()).filter(
      ({ type, url }) => type === 'page' && url.endsWith('/panel.html'),
    );
    const of =
      "[...document.querySelectorAll('#title, #status, #problem')].map((one) => one.textContent).join('|')";
    return Promise.all(panels.map((panel) => browser.evaluateIn(panel, of)));
  };
  await expect
    .poll(said, { timeout: 15_000 })
    .toEqual([expect.stringMatching(/^Beside it\|\d+ tokens\..*\|$/)]);

  // What runs in a page can call out, but the engine hangs up.
  const called = await browser.inPage(page, async () => {
    const port = chrome.runtime.connect();
    return new Promise((resolve) => {
      port.onMessage.addListener((message) => resolve(message));
      port.onDisconnect.addListener(() => resolve('hung up'));
    });
  });
  expect(called).toBe('hung up');
  const panel = await browser.panel(page);
  await reached(panel, 'page');
  const wrong = [
    null,
    'look',
    { call: 1, verb: '__proto__' },
    { call: 1, verb: 'look', title: 1, text: 'a' },
  ];
  const codes = await panel.evaluate(async (messages) => {
    const port = chrome.runtime.connect();
    const answers: unknown[] = [];
    return new Promise<unknown[]>((resolve) => {
      port.onMessage.addListener((message) => {
        const { problem } = message as { problem?: { code: string } };
        if (problem) answers.push(problem.code);
        if (answers.length === messages.length) resolve(answers);
      });
      for (const message of messages) port.postMessage(message);
    });
  }, wrong);
  expect(codes).toEqual(wrong.map(() => 'input/type'));

  // A part of it; and a text that is read to its end though its panel is closed.
  await page.evaluate(() => getSelection()!.selectAllChildren(document.querySelector('article p')!));
  await panel.locator('#look').click();
  await panel.locator('#read-selection').click();
  await reached(panel, 'ready');
  expect(await panel.locator('#kind').textContent()).toBe('What is selected');
  await panel.locator('#look').click();
  await reached(panel, 'page');
  await panel.locator('#read').click();
  await panel.locator('#status', { hasText: / of / }).waitFor();
  await panel.close();
  const later = await browser.panel(page);
  await reached(later, 'ready');
  expect(browser.complaints).toEqual([]);
});
