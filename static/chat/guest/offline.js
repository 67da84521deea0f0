// Keeps this page on the device: itself in the guest's language, its files, and the inn's guide.
// The service worker (templates/chat/service_worker.js) finds them again without a connection.

import { guideAddress } from "./api.js";
import { settings } from "./settings.js";

const here = location.pathname;
const NAME = `yadopera ${here}`;

// `guide` is what the inn has sent of it.
export async function keepForOffline(guide) {
  if (!("serviceWorker" in navigator) || !("caches" in window)) return; // needs https
  await navigator.serviceWorker.register(settings.serviceWorker);
  const kept = await caches.open(NAME);
  const wanted = [
    // Only a language that was chosen is named: naming one is choosing it.
    settings.chosenLanguage ? `${here}?language=${settings.language}` : here,
    ...Array.from(document.querySelectorAll("link[href], script[src]"), (file) => file.href || file.src),
  ].map((address) => new URL(address, location.href).href);
  await Promise.all(wanted.map((address) => keep(kept, address)));
  const guideUrl = new URL(guideAddress, location.href).href;
  const json = { headers: { "Content-Type": "application/json" } };
  await kept.put(guideUrl, new Response(JSON.stringify(guide), json));
  // What an earlier release, or another language, has left behind.
  for (const { url } of await kept.keys()) {
    if (url !== guideUrl && !wanted.includes(url)) await kept.delete(url);
  }
}

async function keep(kept, address) {
  // Named by its content: once kept it never changes.
  if (address.includes("/static/") && (await kept.match(address))) return;
  const response = await fetch(address);
  if (response.ok) await kept.put(address, response);
}
