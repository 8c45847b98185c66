import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll } from 'vitest';
import { serve } from '../../examples/serve.mjs';
import { chromiumArguments, ensureChromium } from '../support/chromium.mjs';

/** A page of its own, and everything it complained about. */
export interface Visit {
  readonly page: Page;
  /** Uncaught errors, errors on the console, responses that are missing and refusals of the content security policy. */
  readonly complaints: string[];
}

export interface Site {
  /** Of the server, with a slash at its end. */
  readonly address: string;
  readonly browser: Browser;
  /** A new visitor, who shares nothing with the others. */
  visit(path: string, options?: { width?: number; height?: number }): Promise<Visit>;
}

/** What one page waits for that another one does, or its death: it comes soon or never. */
export const soon = async <T>(coming: Promise<T>, what: string, seconds = 60): Promise<T> => {
  let limit: ReturnType<typeof setTimeout> | undefined;
  const never = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`${what} took longer than ${seconds} s.`)), seconds * 1000);
  });
  return Promise.race([coming, never]).finally(() => clearTimeout(limit));
};

/**
 * Serves the examples and starts Chromium for the tests of one file. Use the site inside tests only. `model` names a file
 * that is served as `OWN_MODEL`.
 */
export const useSite = (model?: string): Site => {
  let server: Awaited<ReturnType<typeof serve>>;
  let browser: Browser;
  beforeAll(async () => {
    const executablePath = await ensureChromium();
    server = await serve({ model });
    browser = await chromium.launch({ executablePath, args: chromiumArguments, timeout: 30_000 });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  return {
    get address() {
      return server.address;
    },
    get browser() {
      return browser;
    },
    async visit(path, { width = 1280, height = 800 } = {}) {
      const context = await browser.newContext({ viewport: { width, height } });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('response', (response) => {
        if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
      });
      await page.goto(new URL(path, server.address).href, { timeout: 30_000 });
      return { page, complaints };
    },
  };
};
