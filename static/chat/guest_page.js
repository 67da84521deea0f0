// Asks through the guest API. The text stays in its bubble until the inn has it: a question that
// could not be sent is sent again with the same id, so it is stored once.

const { facility, language, sending, failed } = document.body.dataset;
const form = document.querySelector("#question");
const field = form.elements.message;
const button = form.querySelector("button");
const messages = document.querySelector("#messages");
const address = new URLSearchParams(location.search);
const sessionKey = `yadopera-session-${facility}`;
const askedKey = `yadopera-asked-${facility}`; // set once the inn knows the session

// Named before the first question: a first one that is sent twice then opens one conversation.
if (!localStorage.getItem(sessionKey)) localStorage.setItem(sessionKey, newId());

let waiting = null; // the question that has not arrived yet

function show(role, text) {
  const item = document.createElement("li");
  item.className = role;
  item.textContent = text;
  messages.append(item);
  item.scrollIntoView({ block: "nearest" });
  return item;
}

async function post(question) {
  const response = await fetch("/api/v1/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": language },
    body: JSON.stringify(question),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

async function send() {
  const note = show("note", sending);
  button.disabled = true;
  waiting.item.classList.remove("failed");
  try {
    const answer = await post(waiting.question);
    localStorage.setItem(sessionKey, answer.session_id);
    localStorage.setItem(askedKey, "yes");
    show("assistant", answer.message.content);
    listen(answer.session_id, answer.message.id);
    // What he has begun to type meanwhile stays.
    if (field.value.trim() === waiting.question.message) field.value = "";
    waiting = null;
    note.remove();
  } catch (error) {
    waiting.item.classList.add("failed");
    // A TypeError is the network's; any other message comes from the inn, in the guest's language.
    note.textContent = error instanceof TypeError ? failed : error.message;
    waiting.note = note;
  } finally {
    button.disabled = false;
  }
}

// What staff write appears by itself; the browser comes back where it was when the network fails.
let replies = null;

const COME_BACK_MS = 5000;

function listen(session, after) {
  if (replies?.session === session) return;
  replies?.source.close();
  replies = { session, after };
  openStream(replies);
}

function openStream(stream) {
  const { session, after } = stream;
  stream.source = new EventSource(messagesOf("events", session, after));
  stream.source.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    stream.after = message.id;
    if (message.role !== "staff") return;
    show("staff", message.content);
    tellSeen(stream);
  });
  // A browser comes back by itself unless a proxy answered with an error.
  stream.source.addEventListener("error", () => {
    if (stream.source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => stream === replies && openStream(stream), COME_BACK_MS);
  });
}

// Only what a guest has before his eyes counts as seen; the rest may be mailed to him.
function tellSeen(stream) {
  if (document.visibilityState !== "visible") return;
  fetch(messagesOf("history", stream.session, stream.after)).catch(() => {});
}

document.addEventListener("visibilitychange", () => replies && tellSeen(replies));

function messagesOf(kind, session, after) {
  const query = new URLSearchParams({ facility_id: facility });
  if (after) query.set("after", after);
  return `/api/v1/chat/${kind}/${encodeURIComponent(session)}?${query}`;
}

// A guest who comes back finds what was said.
async function recall() {
  if (!localStorage.getItem(askedKey)) return;
  const session = localStorage.getItem(sessionKey);
  const response = await fetch(messagesOf("history", session));
  if (!response.ok) return;
  const said = (await response.json()).messages;
  for (const message of said) show(message.role, message.content);
  if (said.length) listen(session, said.at(-1).id);
}

recall().catch(() => {}); // without a network there is nothing to recall yet

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text) return;
  if (waiting) waiting.note?.remove();
  if (waiting?.question.message !== text) {
    waiting?.item.remove();
    waiting = {
      item: show("user", text),
      question: {
        facility_id: Number(facility),
        message: text,
        session_id: localStorage.getItem(sessionKey),
        location: address.get("location")?.slice(0, 50),
        site_key: address.get("k"),
        client_message_id: newId(),
      },
    };
  }
  send();
});

// crypto.randomUUID needs https; an inn's own network may have none.
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
