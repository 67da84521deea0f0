// A conversation that staff have open: what is said appears by itself, what is being typed is kept.

const page = document.querySelector(".inbox");
const thread = page.querySelector(".thread");
const reply = page.querySelector(".reply");
const text = reply.elements.content;
const LOOK_AGAIN_MS = 4000;
// Whether somebody has been at this page since its newest message came. An open tab has seen nothing.
let isAttended = true;
let shownActs = "";

function attend(event) {
  if (reply.contains(event.target)) return; // whoever types looks at what he types
  isAttended = true;
  reply.elements.answers_up_to.value = page.dataset.newest;
}

function isAtEnd() {
  const { scrollTop, scrollHeight, clientHeight } = thread;
  return scrollHeight - scrollTop - clientHeight < 80;
}

function show({ html, acts, newest, newest_note, colleagues }) {
  const line = page.querySelector(".colleagues");
  line.textContent = colleagues.length ? `${line.dataset.text} ${colleagues.join(", ")}` : "";
  // Made by our own templates, every text in it escaped; so is `html`.
  if (acts !== shownActs) page.querySelector(".acts").innerHTML = acts;
  shownActs = acts;
  if (String(newest_note) !== page.dataset.newestNote || String(newest) !== page.dataset.newest) {
    const follow = isAtEnd();
    thread.insertAdjacentHTML("beforeend", html);
    if (follow) thread.scrollTop = thread.scrollHeight;
  }
  if (String(newest) !== page.dataset.newest) isAttended = false;
  Object.assign(page.dataset, { newest, newestNote: newest_note });
}

async function look() {
  const { newest, newestNote, live } = page.dataset;
  const query = new URLSearchParams({ after: newest, note: newestNote });
  if (isAttended && document.visibilityState === "visible") query.set("seen", newest);
  const response = await fetch(`${live}?${query}`);
  page.querySelector(".ended").hidden = response.ok && !response.redirected;
  if (response.ok && !response.redirected) show(await response.json());
}

async function keepLooking() {
  try {
    await look();
  } catch {
    // No connection: the next look will find it.
  }
  setTimeout(keepLooking, LOOK_AGAIN_MS);
}

page.querySelector(".canned")?.addEventListener("change", (event) => {
  if (!event.target.value) return;
  text.value = text.value ? `${text.value}\n${event.target.value}` : event.target.value;
  event.target.value = "";
  text.dispatchEvent(new Event("input"));
  text.focus();
});

// What was typed is forgotten when the server has it, and not before.
if (new URLSearchParams(location.search).has("sent")) {
  sessionStorage.removeItem(page.dataset.draft);
  history.replaceState(null, "", location.pathname);
}
text.value ||= sessionStorage.getItem(page.dataset.draft) ?? "";
text.addEventListener("input", () => sessionStorage.setItem(page.dataset.draft, text.value));
page.addEventListener("submit", ({ target }) => {
  // The button's own value is sent all the same: it is read before this runs to its end.
  setTimeout(() => target.querySelectorAll("button").forEach((each) => (each.disabled = true)));
});
addEventListener("pageshow", () => {
  page.querySelectorAll("button:disabled").forEach((each) => (each.disabled = false));
});
for (const type of ["pointerdown", "pointermove", "wheel", "keydown"]) {
  addEventListener(type, attend, { passive: true });
}

thread.scrollTop = thread.scrollHeight;
setTimeout(keepLooking, LOOK_AGAIN_MS);
