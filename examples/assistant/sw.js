// Keeps the app itself, so that it opens without a network. Conversations and models are kept by the SDK, texts by the page.
/* global self, caches, importScripts, clients */
importScripts('dist/files.js');

const { version, files } = self.ASSISTANT;
const MINE = 'assistant-app-';
const CACHE = MINE + version;
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

const answer = async (request) => {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.mode === 'navigate' ? page : request, { ignoreSearch: true });
  return kept ?? fetch(request);
};

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isMine = origin === location.origin && pathname.startsWith(new URL(self.registration.scope).pathname);
  // The bundled model lies beside the app and comes in ranges: the SDK keeps it.
  if (request.method === 'GET' && isMine) event.respondWith(answer(request));
});

self.addEventListener('message', ({ data }) => {
  if (data === 'take over') self.skipWaiting();
});
