// The first page brings itself up to date, unless somebody is using it or nobody sees it.

const RENEW_MS = 60_000;

async function renew() {
  const page = document.querySelector(".first-page");
  if (!page || document.visibilityState !== "visible" || page.contains(document.activeElement)) return;
  const response = await fetch(location.href);
  // A sign-in that has ended leads elsewhere; the next click says so.
  if (!response.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const content = fresh.querySelector(".first-page");
  if (!content) return;
  page.replaceWith(document.adoptNode(content));
  document.title = fresh.title;
}

async function keepRenewing() {
  try {
    await renew();
  } catch {
    // No connection: the page says of when it is.
  }
  setTimeout(keepRenewing, RENEW_MS);
}

setTimeout(keepRenewing, RENEW_MS);
