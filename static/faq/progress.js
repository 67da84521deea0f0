// Says how far the worker is with the FAQs of an import, until it is done.
const EVERY_MS = 3000;
const shown = document.querySelector("[data-progress]");

async function look() {
  try {
    const response = await fetch(shown.dataset.progress);
    if (!response.ok) return; // signed out, or the import is of yesterday
    const { lines, done } = await response.json();
    shown.replaceChildren(...lines.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
    if (done) {
      document.querySelector("[data-waiting]").hidden = true;
      document.querySelector("[data-done]").hidden = false;
      return;
    }
  } catch {
    // The connection is away; it may come back.
  }
  setTimeout(look, EVERY_MS);
}

if (shown) setTimeout(look, EVERY_MS);
