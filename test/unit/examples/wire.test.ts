import { expect, test, vi } from 'vitest';
import { read } from '../../house/sources.js';

// Written for pages, it imports the built package; what it says of senders needs the extension's address.
vi.stubGlobal('chrome', {
  runtime: { id: 'abc', getURL: (path: string) => `chrome-extension://abc/${path}` },
});
const { checkPage, checkRequest, isOurs } = await import('../../../examples/extension/wire.js');

const codeOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test('only requests of a known shape pass', () => {
  for (const good of [
    { call: 1, verb: 'read' },
    { call: 2, verb: 'look', title: '', text: 'a' },
    { call: 3, verb: 'ask', question: 'Who?' },
    { call: 4, verb: 'forget', id: 'page/0af/12ab' },
  ])
    expect(checkRequest(good)).toBe(good);
  for (const bad of [
    ...[
      undefined,
      null,
      1,
      'read',
      [],
      {},
      { verb: 'read' },
      { call: 0, verb: 'read' },
      { call: 1, verb: 'close' },
    ],
    ...['__proto__', 'constructor', 'toString'].map((verb) => ({ call: 1, verb })),
    { call: 1, verb: 'read', more: true },
    { call: 1, verb: 'look', title: 'a', text: '' },
    { call: 1, verb: 'look', title: 'a', text: ['a'] },
    { call: 1, verb: 'look', title: 'a'.repeat(301), text: 'a' },
    { call: 1, verb: 'ask', question: 'a'.repeat(4001) },
    ...['', 'reader/x', 'page/a', 'page/../b', { toString: () => 'page/a/b' }].map((id) => ({
      call: 1,
      verb: 'forget',
      id,
    })),
  ])
    expect(codeOf(() => checkRequest(bad))).toBe('input/type');
});

test('a page says what it is, within bounds, and nothing more', () => {
  const page = { url: 'https://a.example/', title: 'A', text: '', selection: '' };
  expect(checkPage(page)).toBe(page);
  for (const bad of [
    null,
    {},
    { ...page, text: 1 },
    { ...page, tab: 7 },
    { ...page, text: 'a'.repeat(5_000_001) },
  ])
    expect(codeOf(() => checkPage(bad))).toBe('input/type');
});

test('only pages of the extension itself are believed', () => {
  const own = 'chrome-extension://abc/panel.html';
  expect(isOurs({ id: 'abc', url: own }, 'panel.html')).toBe(true);
  expect(isOurs({ id: 'abc', url: `${own}?tab=7` }, 'panel.html')).toBe(true);
  for (const sender of [
    undefined,
    {},
    { url: own },
    { id: 'other', url: own },
    { id: 'abc', url: 'https://a.example/' },
    { id: 'abc', url: 'chrome-extension://abc/background.js' },
    { id: 'abc', url: `${own}.evil` },
    { id: 'abc', url: 'https://a.example/chrome-extension://abc/panel.html' },
  ])
    expect(isOurs(sender, 'panel.html')).toBe(false);
});

test('the manifest asks for no site, and lets no code in but its own', () => {
  const manifest = JSON.parse(read('examples/extension/manifest.json'));
  expect(manifest.permissions.sort()).toEqual(['activeTab', 'offscreen', 'scripting', 'sidePanel']);
  for (const name of [
    ...['host_permissions', 'optional_permissions', 'optional_host_permissions', 'content_scripts'],
    ...['web_accessible_resources', 'externally_connectable'],
  ])
    expect(manifest).not.toHaveProperty(name);
  const policy: string = manifest.content_security_policy.extension_pages;
  expect(policy).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';");
  expect(policy).not.toMatch(/https?:|data:|blob:|\*|'unsafe/);
});
