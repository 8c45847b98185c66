// Keeps the app itself, so that it opens without a network. Texts and models are kept by the page and by the SDK.
/* global self, caches, importScripts, clients */
importScripts('dist/files.js');

const { version, files } = self.SHELF;
const MINE = 'shelf-app-';
const CACHE = MINE + version;
const SHARED = 'shelf-shared';
const page = new URL('index.html', self.registration.scope).href;

self.addEventListener('install', (event) => {
  const fresh = files.map((file) => new Request(new URL(file, self.registration.scope), { cache: 'reload' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)));
});

self.addEventListener('activate', (event) => {
  const tidy = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith(MINE) && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await clients.claim();
  };
  event.waitUntil(tidy());
});

/** Files that another app shared wait here until the page takes them. */
const takeShared = async (request) => {
  const form = await request.formData();
  const cache = await caches.open(SHARED);
  for (const [n, file] of form.getAll('files').entries()) {
    const headers = { 'content-type': file.type, 'x-name': encodeURIComponent(file.name) };
    await cache.put(
      new URL(`shared/${Date.now()}-${n}`, self.registration.scope),
      new Response(file, { headers }),
    );
  }
  return Response.redirect(page, 303);
};

const answer = async (request) => {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.mode === 'navigate' ? page : request, { ignoreSearch: true });
  if (kept) return kept;
  const found = await fetch(request);
  // Tables of characters, which a PDF in Chinese, Japanese or Korean may need: once fetched they stay.
  if (found.ok && request.url.includes('/dist/cmaps/')) await cache.put(request, found.clone());
  return found;
};

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin) return;
  const scope = new URL(self.registration.scope).pathname;
  if (request.method === 'POST' && pathname === `${scope}share`) event.respondWith(takeShared(request));
  // The bundled model lies beside the app and comes in ranges: the SDK keeps it.
  else if (request.method === 'GET' && pathname.startsWith(scope)) event.respondWith(answer(request));
});

self.addEventListener('message', ({ data }) => {
  if (data === 'take over') self.skipWaiting();
});
