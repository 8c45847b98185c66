import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BrowserContext, type CDPSession, chromium, type Page, type Worker } from 'playwright';
import { afterAll, beforeAll } from 'vitest';
import { pack } from '../../examples/extension/pack.mjs';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';

interface Target {
  readonly targetId: string;
  readonly type: string;
  readonly url: string;
}

/** A browser with the extension, and a site whose pages a test writes. */
export interface Extended {
  readonly context: BrowserContext;
  readonly id: string;
  /** What pages and panels complained about. */
  readonly complaints: string[];
  /** Serves markup under a path, and returns its address. */
  put(path: string, markup: string, headers?: Record<string, string>): string;
  open(address: string): Promise<Page>;
  /** Presses the toolbar's button over a page, as a person does: this is what lets the extension into it. */
  press(page: Page): Promise<void>;
  /** The panel in a tab of its own, which Playwright can drive, beside a page that the button was pressed over. */
  panel(page: Page, options?: { width?: number; height?: number }): Promise<Page>;
  /** Runs in a page as the extension's own scripts there do. */
  inPage<Result>(page: Page, func: () => Promise<Result>): Promise<Result>;
  /** Everything of the browser that has an address: documents out of sight and workers too. */
  targets(): Promise<Target[]>;
  /** Evaluates in a document that Playwright does not know: the real side panel. */
  evaluateIn(target: Target, expression: string): Promise<unknown>;
  /** Ends a target as the browser would: a service worker that sleeps, for instance. */
  end(target: Target): Promise<void>;
}

export const useExtension = (): Extended => {
  let server: Server;
  let context: BrowserContext;
  let cdp: CDPSession;
  let id: string;
  const pages = new Map<string, { markup: string; headers: Record<string, string> }>();
  const complaints: string[] = [];

  beforeAll(async () => {
    const [executablePath, folder] = await Promise.all([ensureChromium(), pack()]);
    server = createServer((request, response) => {
      const found = pages.get(request.url ?? '');
      response.writeHead(found ? 200 : 404, {
        'content-type': 'text/html; charset=utf-8',
        ...found?.headers,
      });
      response.end(found?.markup);
    }).listen(0, '127.0.0.1');
    context = await chromium.launchPersistentContext('', {
      executablePath,
      viewport: { width: 1000, height: 700 },
      // So that extensions can be loaded, and their button be pressed.
      ignoreDefaultArgs: ['--disable-extensions'],
      args: [...chromiumArguments, '--enable-unsafe-extension-debugging'],
      timeout: 30_000,
    });
    cdp = await context.browser()!.newBrowserCDPSession();
    ({ id } = await cdp.send('Extensions.loadUnpacked' as never, { path: folder } as never));
  });
  afterAll(async () => {
    await context?.close();
    server?.closeAllConnections();
    server?.close();
  });

  const watch = (page: Page): Page => {
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    return page;
  };
  const targets = async (): Promise<Target[]> =>
    (await cdp.send('Target.getTargets', { filter: [{}] })).targetInfos;
  /** The service worker, which may have to wake up. */
  const worker = async (): Promise<Worker> =>
    context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker', { timeout: 10_000 }));
  /** How the extension calls the tab of a page, whether it was let into it or not. */
  const tabOf = async (page: Page): Promise<number | undefined> => {
    await page.bringToFront();
    return (await worker()).evaluate(async () => {
      const [front] = await chrome.tabs.query({ active: true, currentWindow: true });
      return front?.id;
    });
  };

  return {
    get context() {
      return context;
    },
    get id() {
      return id;
    },
    complaints,
    put(path, markup, headers = {}) {
      pages.set(path, { markup, headers });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
    },
    async open(address) {
      const page = watch(await context.newPage());
      await page.goto(address);
      return page;
    },
    async press(page) {
      const tab = (await targets()).find(({ type, url }) => type === 'tab' && url === page.url())!;
      await cdp.send('Extensions.triggerAction' as never, { id, targetId: tab.targetId } as never);
    },
    async panel(page, { width = 400, height = 800 } = {}) {
      const tab = await tabOf(page);
      const panel = watch(await context.newPage());
      await panel.setViewportSize({ width, height });
      await panel.goto(`chrome-extension://${id}/panel.html?tab=${tab}`);
      return panel;
    },
    async inPage(page, func) {
      const wanted = `{ target: { tabId: ${await tabOf(page)} }, func: ${func} }`;
      const run = `chrome.scripting.executeScript(${wanted}).then(([first]) => first.result)`;
      return (await worker()).evaluate(run);
    },
    targets,
    async evaluateIn({ targetId }, expression) {
      const { sessionId } = await cdp.send('Target.attachToTarget', { targetId, flatten: false });
      const answered = new Promise<unknown>((resolve) => {
        cdp.on('Target.receivedMessageFromTarget', ({ sessionId: from, message }) => {
          const { id: call, result } = JSON.parse(message);
          if (from === sessionId && call === 1) resolve(result?.result?.value);
        });
      });
      const params = { expression, awaitPromise: true, returnByValue: true };
      const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params });
      await cdp.send('Target.sendMessageToTarget', { sessionId, message });
      const value = await answered;
      await cdp.send('Target.detachFromTarget', { sessionId });
      return value;
    },
    async end({ targetId }) {
      await cdp.send('Target.closeTarget', { targetId });
    },
  };
};
