import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useSite } from './visit.js';

const site = useSite();
const folder = join(import.meta.dirname, '../../examples');

test('the landing page lists every example, and nothing else', async () => {
  const { page, complaints } = await site.visit('examples/');
  const links = await page
    .locator('main li a')
    .evaluateAll((found) => found.map((a) => a.getAttribute('href')));
  const examples = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'index.html')))
    .map((entry) => `${entry.name}/`);
  expect(links.sort()).toEqual(examples.sort());
  expect(complaints).toEqual([]);
});

test.each([360, 1280])('the landing page fits a width of %i', async (width) => {
  const { page } = await site.visit('examples/', { width });
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow).toBe(0);
});

test('pages are cross-origin isolated and their policy allows kernels but no inline script', async () => {
  const { page, complaints } = await site.visit('examples/');
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const compiled = await page.evaluate(async () => {
    const module = await WebAssembly.compileStreaming(fetch('/dist/kernels.wasm'));
    return WebAssembly.Module.exports(module).length;
  });
  expect(compiled).toBeGreaterThan(0);
  expect(complaints).toEqual([]);

  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "inline script ran"';
    document.head.append(script);
    return document.title;
  });
  expect(ran).not.toBe('inline script ran');
  expect(complaints.join('\n')).toContain('Content Security Policy');
});
