// A part of a page that brings itself up to date, unless somebody is using it or nobody sees it.

async function renew(selector) {
  const part = document.querySelector(selector);
  if (!part || document.visibilityState !== "visible" || part.contains(document.activeElement)) return;
  const response = await fetch(location.href);
  // A sign-in that has ended leads elsewhere; the next click says so.
  if (!response.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const content = fresh.querySelector(selector);
  if (!content || content.innerHTML === part.innerHTML) return;
  part.replaceWith(document.adoptNode(content));
  document.title = fresh.title;
}

/** Renews what `selector` finds, as the same address shows it then, again and again. */
export async function keepRenewing(selector, everyMs) {
  await new Promise((wake) => setTimeout(wake, everyMs));
  try {
    await renew(selector);
  } catch {
    // No connection: the next time will do.
  }
  keepRenewing(selector, everyMs);
}
