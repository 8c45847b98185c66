// @ts-check
// A stock Firefox, driven through WebDriver BiDi. Its driver is a development tool of bench/, not of the package.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const names = ['firefox-esr', 'firefox'];
const places = [
  ...(process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
];

/** @returns {string | undefined} the executable that FIREFOX_PATH names, or the first that is found */
export const findFirefox = () => process.env.FIREFOX_PATH ?? places.find((path) => existsSync(path));

const bench = createRequire(new URL('../../bench/package.json', import.meta.url));

/** Whether bench/node_modules has what drives it. */
export const hasDriver = () =>
  existsSync(new URL('../../bench/node_modules/puppeteer-core', import.meta.url));

/** Whether it has WebGPU. @param {string} address of a page that is a secure context */
export const hasWebGpu = async (address) => {
  const browser = await launchFirefox();
  try {
    const page = await browser.newPage();
    await page.goto(address);
    return await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
  } finally {
    await browser.close();
  }
};

/** Starts it headless, with a profile of its own that is deleted afterwards. */
export const launchFirefox = async () => {
  const { default: puppeteer } = await import(pathToFileURL(bench.resolve('puppeteer-core')).href);
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: findFirefox(),
    headless: true,
    timeout: 60_000,
  });
};
