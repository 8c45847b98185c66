import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';

/** What is killed, as by a crash: everything at once, what runs pages, or the worker alone. */
export type Kill = 'browser' | 'renderer' | 'worker';

/** Chromium with a profile that stays, started so that all its children can be killed at one blow. */
export interface KillableBrowser {
  page(address: string): Promise<Page>;
  killBrowser(): Promise<void>;
  /** Whatever runs pages now; asked beforehand, so that the kill comes at its moment. */
  renderers(): Promise<number[]>;
  close(): Promise<void>;
}

const START_MS = 180_000;

const listening = (child: ReturnType<typeof spawn>): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = '';
    const limit = setTimeout(() => reject(new Error(`Chromium did not start: ${said}`)), START_MS);
    child.stderr!.on('data', (text) => {
      said += text;
      const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (!address) return;
      clearTimeout(limit);
      resolve(address);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`Chromium ended: ${said}`)));
  });

export const startBrowser = async (profile: string): Promise<KillableBrowser> => {
  // Left by a browser that was killed; on another host's disk it would be believed.
  for (const name of ['SingletonLock', 'SingletonSocket', 'SingletonCookie']) {
    rmSync(join(profile, name), { force: true });
  }
  const child = spawn(
    await ensureChromium(),
    [
      ...chromiumArguments,
      '--headless',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    // A group of its own.
    { detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const killGroup = (): void => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {}
  };
  process.once('exit', killGroup);
  const browser: Browser = await chromium.connectOverCDP(await listening(child));
  const [context] = browser.contexts();
  const killBrowser = async (): Promise<void> => {
    killGroup();
    await ended;
    process.removeListener('exit', killGroup);
    await browser.close().catch(() => undefined);
  };
  return {
    async page(address) {
      for (let tries = 1; ; tries++) {
        try {
          const page = await context!.newPage();
          await page.goto(address);
          return page;
        } catch (error) {
          // A spare renderer died with the others, and the first page is given to it.
          if (tries === 5) throw error;
        }
      }
    },
    killBrowser,
    async renderers() {
      const session = await browser.newBrowserCDPSession();
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      await session.detach();
      return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    },
    close: killBrowser,
  };
};
