// What the guest has written and the inn does not have yet. It waits on the device, through a lost
// connection and a closed page, and is sent with the same id until the inn has it: stored once.

import { Refused, ask } from "./api.js";
import { announce, element } from "./dom.js";
import { entry, find } from "./guide.js";
import { newId, recall, remember, session } from "./memory.js";
import { say, settings } from "./settings.js";
import * as thread from "./thread.js";

const PAUSES_MS = [2000, 4000, 8000, 15000, 30000]; // between attempts while nothing goes through
const HELPFUL = 2; // entries of the guide below a question that waits

// What this page has to send. All pages of this device remember theirs in one place.
let queue = [];
let failures = 0; // in a row
let explain = null; // says below a question why it waits
let sending = false;
let retry;

// `connected` hears whether the last attempt went through; `answered`, the body of `POST /chat`;
// `settled`, that nothing is under way any more.
let hear = { connected: () => {}, answered: () => {}, settled: () => {} };

export function start(hears) {
  hear = hears;
  queue = recall("outbox") ?? [];
  showAgain();
  flush();
}

export function write(text) {
  const id = newId();
  queue.push({ id, text });
  remember("outbox", [...(recall("outbox") ?? []), { id, text }]);
  thread.question(text, id);
  explainAgain();
  flush();
}

export function isSending() {
  return sending;
}

// Show what waits in a thread that has been cleared.
export function showAgain() {
  for (const { id, text } of queue) thread.question(text, id);
  explainAgain();
}

// Say below each question that waits why it does, with what the guide has to say by now.
export function explainAgain() {
  if (explain) for (const { id, text } of queue) explain(thread.asked(id), text);
}

export function empty() {
  queue = [];
  clearTimeout(retry);
  explain = null;
}

export async function flush() {
  if (sending) return;
  sending = true;
  clearTimeout(retry);
  const tried = new Set();
  const next = () => queue.find(({ id }) => !tried.has(id));
  try {
    for (let question = next(); question; question = next()) {
      tried.add(question.id);
      if (!(await deliver(question))) break;
    }
  } finally {
    sending = false;
    hear.settled();
  }
}

function take(id) {
  const isOther = (question) => question.id !== id;
  queue = queue.filter(isOther);
  remember("outbox", (recall("outbox") ?? []).filter(isOther));
}

// Whether it still has to be sent; the conversation may have been deleted meanwhile.
function isWaiting(id) {
  return queue.some((question) => question.id === id);
}

// Whether the next one may go: this one has arrived, never will, or has to let others go first.
async function deliver({ id, text }) {
  thread.note(thread.asked(id), say("sending"));
  const draft = thread.draft(thread.asked(id));
  try {
    const body = await ask(asking(id, text), draft.add);
    if (!isWaiting(id)) return true;
    take(id);
    failures = 0;
    explain = null;
    remember("session", body.session_id);
    thread.note(thread.asked(id));
    draft.remove();
    thread.answer(thread.asked(id), body.message);
    hear.connected(true);
    hear.answered(body);
    return true;
  } catch (error) {
    return isWaiting(id) ? fail(id, text, error) : true;
  } finally {
    draft.remove();
  }
}

function asking(id, text) {
  return {
    facility_id: settings.facility,
    message: text,
    language: settings.chosenLanguage,
    session_id: session(),
    location: recall("location"),
    site_key: recall("site_key"),
    client_message_id: id,
  };
}

function fail(id, text, error) {
  if (!(error instanceof Refused)) {
    hear.connected(false);
    return wait((item, asked) => thread.note(item, say("waiting"), " ", again(), ...fromTheGuide(asked)));
  }
  hear.connected(true);
  const pause = error.retryAfterSeconds * 1000;
  if (error.status === 429) return waitAsTold("too_many", pause);
  if (error.status === 503 && pause) {
    waitAsTold("crowded", pause);
    return true; // the next one may tell of danger, of which the inn hears at any time
  }
  if (error.status >= 500) {
    sayOnce("went_wrong");
    return wait((item) => thread.note(item, say("went_wrong"), " ", again()), pause);
  }
  refuse(id, text, error);
  return true;
}

// The inn has said when to come back: sooner it would only refuse again.
function waitAsTold(why, pause) {
  sayOnce(why);
  return wait((item) => thread.note(item, say(why)), pause);
}

// Not at each further attempt.
function sayOnce(key) {
  if (!failures) announce(say(key));
}

// All that waits is explained alike, and tried again later.
function wait(explanation, atLeastMs = 0) {
  explain = explanation;
  explainAgain();
  const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)];
  clearTimeout(retry);
  retry = setTimeout(flush, Math.max(pause, atLeastMs));
  failures += 1;
  return false;
}

function again() {
  const button = element("button", { type: "button", class: "small" }, say("try_again"));
  button.addEventListener("click", flush);
  return button;
}

// The inn will not take it as it is. The text stays; sending it again is the guest's to decide.
function refuse(id, text, error) {
  const item = thread.asked(id);
  take(id);
  const button = element("button", { type: "button", class: "small" }, say("try_again"));
  button.addEventListener("click", () => {
    item.remove();
    write(text);
  });
  item.classList.add("failed");
  const why = `${say("failed")} ${error.message}`;
  thread.note(item, why, " ", button);
  announce(why);
}

function fromTheGuide(text) {
  const found = find(text, HELPFUL);
  if (!found.length) return [];
  return [
    element("div", { class: "meanwhile" }, element("p", {}, say("offline_found")),
      ...found.map((faq, place) => entry(faq, { open: place === 0 }))),
  ];
}
