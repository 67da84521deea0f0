// The conversation as it is seen: one item a message, in the order in which the inn stored them.

import { Refused, call } from "./api.js";
import { $, announce, element, linked } from "./dom.js";
import { session } from "./memory.js";
import { say } from "./settings.js";
import { wifiCard } from "./wifi.js";

const list = $("#messages");
const byId = new Map(); // message id -> item
const byClientId = new Map(); // the id that this or another device gave a question -> item

const SPEAKERS = { user: "you", staff: "staff", assistant: "answer", system: "answer" };
// Where an answer comes from; a courtesy or a wait for staff needs no source.
const SOURCES = {
  faq: "from_faq",
  generated: "from_generated",
  fact: "from_fact",
  safety: "from_safety",
  handed_over: "handed_over",
};
const ANSWERED = new Set(["faq", "generated", "fact"]);
const WITH_STAFF = new Set(["handed_over", "held"]);

// Something the page offers below a message: what to do with it is the page's to say.
let offers = { askPerson: () => null, mail: () => null };

export function offering(made) {
  offers = made;
}

export function clear() {
  list.replaceChildren();
  byId.clear();
  byClientId.clear();
}

export function newestId() {
  return Math.max(0, ...byId.keys());
}

// A stored message, unless it is shown already. Returns whether it is new here.
export function place(message) {
  if (byId.has(message.id)) return false;
  const waited = byClientId.get(message.client_message_id);
  if (waited) {
    byId.set(message.id, waited);
    move(waited, message.id);
    return false;
  }
  const item = bubble(message.role);
  fill(item, message);
  insert(item, message.id);
  byId.set(message.id, item);
  if (message.client_message_id) byClientId.set(message.client_message_id, item);
  return true;
}

// What the guest has just written; it has no number until the inn has stored it.
export function question(text, clientId) {
  const item = bubble("user");
  item.querySelector(".text").textContent = text;
  insert(item, Infinity);
  byClientId.set(clientId, item);
  show(item);
}

// The question that a device gave this id.
export function asked(clientId) {
  return byClientId.get(clientId);
}

// The answer to `question`, while it is being written; what was stored takes its place (`answer`).
export function draft(question) {
  const item = bubble("assistant");
  item.classList.add("writing");
  item.querySelector(".text").textContent = say("writing");
  item.order = question.order;
  question.after(item);
  follow(item);
  let text = "";
  return {
    add(piece) {
      text += piece;
      item.querySelector(".text").textContent = text;
      follow(item);
    },
    remove: () => item.remove(),
  };
}

// The stored answer to `question`, which was stored before it.
export function answer(question, message) {
  if (question.order === Infinity) move(question, message.id - 0.5);
  if (!place(message)) return;
  follow(byId.get(message.id));
  speak(message);
}

// A line below a message that says what became of it.
export function note(item, ...content) {
  item.querySelector(".note")?.remove();
  if (content.length) item.append(element("div", { class: "note" }, ...content));
}

// Something the system has to say that is no message.
export function notice(text) {
  const item = element("li", { class: "notice" }, text);
  insert(item, Infinity);
  show(item);
  announce(text);
}

export function speak(message) {
  announce(`${say(SPEAKERS[message.role])}: ${message.content}`);
}

// Bring `item` into view, unless the guest has gone elsewhere on the page to read.
function follow(item) {
  const { top } = (item.previousElementSibling ?? item).getBoundingClientRect();
  if (top < innerHeight - $("#question").offsetHeight && top > -innerHeight) show(item);
}

export function followNewest() {
  follow(list.lastElementChild);
}

function show(item) {
  item.scrollIntoView({ block: "nearest" });
}

function bubble(role) {
  const speaker = element("span", { class: role === "staff" ? "speaker" : "hidden" });
  speaker.textContent = `${say(SPEAKERS[role])}${role === "staff" ? "" : ": "}`;
  return element("li", { class: role }, speaker, element("div", { class: "text", dir: "auto" }));
}

function insert(item, order) {
  item.order = order;
  const next = [...list.children].find((other) => other.order > order);
  list.insertBefore(item, next ?? null);
}

function move(item, order) {
  item.remove();
  insert(item, order);
}

function fill(item, message) {
  const text = item.querySelector(".text");
  // The guest's own words are no links: whoever joins by a code must not be lured.
  const content = linked(message.content, { inDanger: message.source === "safety" });
  text.replaceChildren(...(message.role === "user" ? [message.content] : content));
  text.setAttribute("lang", message.language);
  item.querySelector(".foot")?.remove();
  item.append(element("div", { class: "foot" }, ...foot(message)));
}

function foot(message) {
  const parts = [];
  if (SOURCES[message.source]) {
    parts.push(element("span", { class: "source" }, say(SOURCES[message.source])));
  }
  if (ANSWERED.has(message.source)) parts.push(thumbs(message));
  if (message.source === "safety") {
    parts.push(element("a", { class: "alarm", href: "#emergency" }, say("emergency")));
  }
  if (message.has_wifi_password) parts.push(wifiCard());
  if (isWithStaff(message)) parts.push(offers.mail());
  return parts;
}

function isWithStaff({ source, role }) {
  return WITH_STAFF.has(source) || (role === "system" && source !== "joined");
}

function thumbs(message) {
  const buttons = [
    ["positive", "helpful"],
    ["negative", "not_helpful"],
  ].map(([type, word]) => {
    const named = { type: "button", class: `thumb ${type}`, value: type, "aria-label": say(word) };
    const button = element("button", named);
    button.addEventListener("click", () => vote(type));
    return button;
  });
  const group = element("span", { class: "thumbs" }, ...buttons);

  function press(type) {
    for (const button of buttons) button.setAttribute("aria-pressed", button.value === type);
  }

  function thank(text, offer) {
    group.append(element("span", { class: "thanks" }, text, " ", offer || ""));
    announce(text);
  }

  async function vote(type) {
    const before = message.feedback;
    press(type);
    group.querySelector(".thanks")?.remove();
    const body = { message_id: message.id, feedback_type: type, session_id: session() };
    try {
      await call("/chat/feedback", { method: "POST", body });
      message.feedback = type;
      thank(say("voted"), type === "negative" && offers.askPerson());
    } catch (error) {
      press(before);
      thank(error instanceof Refused ? error.message : say("failed"));
    }
  }

  press(message.feedback);
  return group;
}
