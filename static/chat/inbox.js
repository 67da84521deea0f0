// A conversation that staff have open: what is said appears by itself, what is being typed is kept.

const page = document.querySelector(".inbox");
const thread = page.querySelector(".thread");
const reply = page.querySelector(".reply");
const text = reply.elements.content;
const LOOK_AGAIN_MS = 4000;

function isAtEnd() {
  const { scrollTop, scrollHeight, clientHeight } = thread;
  return scrollHeight - scrollTop - clientHeight < 80;
}

async function look() {
  const query = new URLSearchParams({ after: page.dataset.newest });
  if (document.visibilityState === "visible") query.set("seen", "1");
  const response = await fetch(`${page.dataset.live}?${query}`);
  if (!response.ok) return;
  const { html, newest, colleagues } = await response.json();
  const line = page.querySelector(".colleagues");
  line.textContent = colleagues.length ? `${line.dataset.text} ${colleagues.join(", ")}` : "";
  if (String(newest) === page.dataset.newest) return;
  page.dataset.newest = newest;
  const follow = isAtEnd();
  // Made by our own templates, every text in it escaped.
  thread.insertAdjacentHTML("beforeend", html);
  if (document.visibilityState === "visible") reply.elements.answers_up_to.value = newest;
  if (follow) thread.scrollTop = thread.scrollHeight;
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

text.value = sessionStorage.getItem(page.dataset.draft) ?? "";
text.addEventListener("input", () => sessionStorage.setItem(page.dataset.draft, text.value));
reply.addEventListener("submit", () => sessionStorage.removeItem(page.dataset.draft));

thread.scrollTop = thread.scrollHeight;
setTimeout(keepLooking, LOOK_AGAIN_MS);
