// Going on with another device, and leaving nothing behind.

import { Refused, call, conversation } from "./api.js";
import { $, confirmed } from "./dom.js";
import { forget, recall, remember, session } from "./memory.js";
import { say, settings } from "./settings.js";

const part = $("#device");
const trouble = part.querySelector(".trouble");

// `joined` and `deleted` are told when it has happened.
export function offerDevices({ joined, deleted }) {
  part.hidden = false;
  part.querySelector(".make button").addEventListener("click", makeCode);
  part.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    join(event.target.elements.code.value, joined);
  });
  $("#delete").addEventListener("click", async () => {
    if (await confirmed(say("delete_question"), "", say("delete_yes"))) remove(deleted);
  });
  showWhatThereIs();
}

// A code, and something to delete, exist only once something was said.
export function showWhatThereIs() {
  const isBegun = Boolean(recall("asked"));
  part.querySelector(".make").hidden = !isBegun;
  $("#delete").hidden = !isBegun;
}

// A link may carry a code; who sent the link could then read along, so the guest is asked.
export async function joinFromLink(code, joined) {
  if (await confirmed(say("device_question", { code }), "", say("device_join"))) {
    part.open = true;
    await join(code, joined);
  }
}

async function makeCode() {
  trouble.textContent = "";
  const body = { facility_id: settings.facility, session_id: session() };
  try {
    const { token, expires_at: end } = await call("/session/generate", { method: "POST", body });
    const time = new Date(end).toLocaleString(settings.language, { timeStyle: "short", dateStyle: "short" });
    const shown = part.querySelector(".code");
    shown.replaceChildren(say("device_code"), document.createElement("strong"), say("device_until", { time }));
    shown.querySelector("strong").textContent = token;
  } catch (error) {
    explain(error);
  }
}

async function join(typed, joined) {
  trouble.textContent = "";
  const token = typed.trim().toUpperCase();
  try {
    const query = { facility_id: settings.facility };
    const state = await call(`/session/token/${encodeURIComponent(token)}`, { query });
    if (!state.valid) {
      trouble.textContent = state.message;
      return;
    }
    const body = { facility_id: settings.facility, token, current_session_id: session() };
    const link = await call("/session/link", { method: "POST", body });
    remember("session", link.primary_session_id);
    remember("asked", true);
    part.open = false;
    part.querySelector("form").reset();
    joined(link.message);
  } catch (error) {
    explain(error);
  }
}

async function remove(deleted) {
  try {
    const query = { facility_id: settings.facility };
    const done = await call(conversation("history"), { method: "DELETE", query });
    forgetConversation();
    deleted(done.message);
  } catch (error) {
    // Already gone, or ended: nothing is left to delete but what this device remembers.
    if (!(error instanceof Refused) || error.status !== 404) return explain(error);
    forgetConversation();
    deleted("");
  }
}

function forgetConversation() {
  forget("session", "asked", "outbox", "draft", "mailed");
}

function explain(error) {
  part.open = true;
  trouble.textContent = error instanceof Refused ? error.message : say("offline");
}
