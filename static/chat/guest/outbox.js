// What the guest has written and the inn does not have yet. It waits on the device, through a lost
// connection and a closed page, and is sent with the same id until the inn has it: stored once.

import { Refused, ask } from "./api.js";
import { element } from "./dom.js";
import { entry, find } from "./guide.js";
import { newId, recall, remember, session } from "./memory.js";
import { say, settings } from "./settings.js";
import * as thread from "./thread.js";

const PAUSES_MS = [2000, 4000, 8000, 15000, 30000]; // between attempts while nothing goes through
const HELPFUL = 2; // entries of the guide below a question that waits

const queue = recall("outbox") ?? [];
const items = new Map(); // id -> the question as it is shown
let attempt = 0;
let sending = false;
let retry;

// `connected` hears whether the last attempt went through; `answered`, the body of `POST /chat`.
let hear = { connected: () => {}, answered: () => {} };

export function start(hears) {
  hear = hears;
  for (const { id, text } of queue) showQuestion(id, text);
  flush();
}

export function write(text) {
  const id = newId();
  queue.push({ id, text });
  save();
  const item = showQuestion(id, text);
  if (sending || queue.length > 1) thread.note(item, say("sending"));
  flush();
}

export function isSending() {
  return sending;
}

export function empty() {
  queue.length = 0;
  items.clear();
  clearTimeout(retry);
  save();
}

export async function flush() {
  if (sending) return;
  sending = true;
  clearTimeout(retry);
  try {
    while (queue.length && (await deliver(queue[0]))) {
      queue.shift();
      save();
    }
  } finally {
    sending = false;
  }
}

function save() {
  remember("outbox", queue);
}

function showQuestion(id, text) {
  const item = thread.question(text, id);
  items.set(id, item);
  return item;
}

// Whether the next one may go: this one has arrived, or never will.
async function deliver({ id, text }) {
  const item = items.get(id);
  thread.note(item, say("sending"));
  const answer = thread.draft(item);
  try {
    const body = await ask(asking(id, text), answer.add);
    if (!items.has(id)) return false; // the conversation was deleted meanwhile
    remember("session", body.session_id);
    thread.note(item);
    answer.settle(body.message);
    attempt = 0;
    hear.connected(true);
    hear.answered(body);
    return true;
  } catch (error) {
    answer.remove();
    return fail(item, text, error);
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

function fail(item, text, error) {
  const again = element("button", { type: "button", class: "small" }, say("try_again"));
  again.addEventListener("click", flush);
  if (error instanceof Refused) {
    hear.connected(true);
    if (error.status === 429) {
      thread.note(item, say("too_many"));
      later(error.retryAfterSeconds * 1000);
      return false;
    }
    if (error.status < 500) {
      refuse(item, text, error);
      return true;
    }
    thread.note(item, say("went_wrong"), " ", again);
  } else {
    hear.connected(false);
    thread.note(item, say("waiting"), " ", again, ...fromTheGuide(text));
  }
  later(PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)]);
  attempt += 1;
  return false;
}

function later(milliseconds) {
  retry = setTimeout(flush, Math.max(milliseconds, PAUSES_MS[0]));
}

// The inn will not take it as it is. The text stays; sending it again is the guest's to decide.
function refuse(item, text, error) {
  const again = element("button", { type: "button", class: "small" }, say("try_again"));
  again.addEventListener("click", () => {
    item.remove();
    write(text);
  });
  item.classList.add("failed");
  thread.note(item, `${say("failed")} ${error.message}`, " ", again);
}

function fromTheGuide(text) {
  const found = find(text, HELPFUL);
  if (!found.length) return [];
  return [
    element("div", { class: "meanwhile" }, element("p", {}, say("offline_found")),
      ...found.map((faq, place) => entry(faq, { open: place === 0 }))),
  ];
}
