// Keeps the guest's page working without a connection. What is kept, the page itself decides
// (static/chat/guest/offline.js); here it is only found again.

const PATIENCE_MS = 4000; // how long a page may take on bad Wi-Fi before the kept one is shown

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  // Static files are named by their content, so a kept one is never outdated.
  if (url.pathname.startsWith("/static/")) event.respondWith(keptFirst(request));
  else if (request.mode === "navigate") event.respondWith(freshFirst(request, event));
  else if (/^\/api\/v1\/facility\/[^/]+\/faqs$/.test(url.pathname)) {
    event.respondWith(freshFirst(request, event));
  }
});

async function keptFirst(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request);
}

async function freshFirst(request, event) {
  const fresh = fetch(request);
  event.waitUntil(fresh.catch(() => {}));
  // One page is kept of an inn, in the language last read, whatever stands behind the question mark.
  const kept = await caches.match(request, { ignoreSearch: true, ignoreVary: true });
  if (!kept) return fresh;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  return Promise.race([fresh, late]).catch(() => kept);
}
