// What staff and the guest's other devices write appears by itself.

import { Refused, call, conversation, history, openEvents } from "./api.js";
import { settings } from "./settings.js";
import * as outbox from "./outbox.js";
import * as thread from "./thread.js";

const COME_BACK_MS = 5000;

let stream = null;
let reopening;
const held = []; // said while an answer of our own was under way, which may be among it

export function listen() {
  stop();
  stream = openEvents(thread.newestId());
  stream.addEventListener("message", (event) => {
    held.push(JSON.parse(event.data));
    if (!outbox.isSending()) showHeld();
  });
  // A browser comes back by itself unless it was answered with an error.
  stream.addEventListener("error", () => {
    if (stream?.readyState === EventSource.CLOSED) reopening = setTimeout(catchUp, COME_BACK_MS);
  });
}

export function isListening() {
  return stream !== null;
}

export function stop() {
  stream?.close();
  stream = null;
  clearTimeout(reopening);
}

export function showHeld() {
  const messages = held.splice(0);
  for (const message of messages) show(message);
  if (messages.length) tellSeen();
}

function show(message) {
  if (!thread.place(message)) return;
  thread.followNewest();
  if (message.role !== "user") thread.speak(message);
  // What was said on a device that has joined is older than what is shown here.
  if (message.source === "joined" && stream) catchUp(0);
}

// Ask for what was missed, and listen again. A conversation that has ended is not listened to.
export async function catchUp(after = thread.newestId()) {
  try {
    for (const message of await history(after)) {
      if (thread.place(message) && after && message.role !== "user") thread.speak(message);
    }
    listen();
  } catch (error) {
    stop();
    if (error instanceof Refused && error.status === 404) return;
    reopening = setTimeout(catchUp, COME_BACK_MS);
  }
}

// Only what a guest has before his eyes counts as seen; the rest may be mailed to him.
function tellSeen() {
  if (document.visibilityState !== "visible") return;
  const query = { facility_id: settings.facility, after: thread.newestId() };
  call(conversation("history"), { query }).catch(() => {});
}

document.addEventListener("visibilitychange", () => isListening() && tellSeen());
