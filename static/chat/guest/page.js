// The guest's page: what he writes goes to the inn, and what comes back is shown.

import { Refused, call } from "./api.js";
import { keepForOffline } from "./offline.js";
import { joinFromLink, offerDevices, showWhatThereIs } from "./devices.js";
import { $, announce, confirmed, element } from "./dom.js";
import { loadGuide } from "./guide.js";
import * as live from "./live.js";
import { recall, remember, session } from "./memory.js";
import * as outbox from "./outbox.js";
import { say, settings } from "./settings.js";
import * as thread from "./thread.js";
import { offerWifi } from "./wifi.js";

const form = $("#question");
const field = form.elements.message;
const QUIET_MS = 1500; // the guide and the files for offline wait until the page itself is there

// What the QR code says is remembered and taken out of the address, which people pass on.
function takeFromAddress() {
  const address = new URLSearchParams(location.search);
  const location_ = address.get("location")?.slice(0, 50);
  if (location_) remember("location", location_);
  if (address.get("k")) remember("site_key", address.get("k"));
  const language = address.get("language");
  history.replaceState(null, "", `${location.pathname}${language ? `?language=${language}` : ""}${location.hash}`);
  return address.get("token");
}

// Writing ----------------------------------------------------------------------------------------

function fit() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
  const left = settings.messageLength - field.value.length;
  $("#left").textContent = left < 100 ? say("characters_left", { count: left }) : "";
  remember("draft", field.value);
}

function send() {
  const text = field.value.trim();
  if (!text) return;
  field.value = "";
  fit();
  outbox.write(text);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
field.addEventListener("input", fit);
field.addEventListener("keydown", (event) => {
  // Enter that chooses a word of a Japanese keyboard is no end of the sentence.
  const isComposing = event.isComposing || event.keyCode === 229; // 229: so Safari says it
  if (event.key !== "Enter" || event.shiftKey || isComposing) return;
  if (!matchMedia("(pointer: fine)").matches) return;
  event.preventDefault();
  send();
});

// Answers ----------------------------------------------------------------------------------------

let isConnected = true;
let hideLine;

function showConnection(isThere) {
  if (isThere === isConnected) return;
  isConnected = isThere;
  const line = $("#connection");
  clearTimeout(hideLine);
  line.textContent = say(isThere ? "online" : "offline");
  line.hidden = false;
  announce(line.textContent);
  if (isThere) hideLine = setTimeout(() => (line.hidden = true), 4000);
}

function answered() {
  remember("asked", true);
  showWhatThereIs();
  if (!live.isListening()) live.listen();
}

async function recallConversation() {
  if (recall("asked")) await live.catchUp();
}

function forgotten(message) {
  live.stop();
  outbox.empty();
  thread.clear();
  showWhatThereIs();
  if (message) thread.notice(message);
}

// What waits to be sent goes to the conversation that was joined.
function joined(message) {
  live.stop();
  thread.clear();
  outbox.showAgain();
  showWhatThereIs();
  thread.notice(message);
  recallConversation();
}

// A person ---------------------------------------------------------------------------------------

async function askPerson() {
  if (!(await confirmed(say("ask_person_question"), say("ask_person_what"), say("ask_person_yes")))) {
    return;
  }
  // What he is about to say is what staff need to read, and before they are called.
  const hasMore = Boolean(field.value.trim());
  if (hasMore) send();
  if (hasMore || !recall("asked")) {
    outbox.write(say("ask_person_phrase"));
    return;
  }
  const body = { facility_id: settings.facility, session_id: session() };
  try {
    const { message } = await call("/chat/escalate", { method: "POST", body });
    const before = thread.newestId();
    await live.catchUp();
    if (thread.newestId() === before) thread.notice(message); // they know already
  } catch (error) {
    if (error instanceof Refused && error.status !== 404) thread.notice(error.message);
    else outbox.write(say("ask_person_phrase")); // waits for the connection, or begins anew
  }
}

function offerPerson() {
  const button = element("button", { type: "button", class: "small" }, say("ask_person"));
  button.addEventListener("click", askPerson);
  return button;
}

function offerMail() {
  if (recall("mailed")) return null;
  const agree = element("label", {}, element("input", { type: "checkbox", required: true }),
    ` ${say("mail_consent")}`);
  const address = element("input", {
    type: "email", name: "email", required: true, maxlength: 254, autocomplete: "email",
    "aria-label": say("mail_address"), placeholder: say("mail_address"),
  });
  const asking = element("form", {}, address, agree,
    element("button", { class: "small" }, say("save")));
  const offer = element("details", { class: "mail" }, element("summary", {}, say("mail_offer")), asking);
  asking.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = {
      facility_id: settings.facility, session_id: session(), email: address.value.trim(), consent: true,
    };
    try {
      const { message } = await call("/chat/email", { method: "POST", body });
      remember("mailed", true);
      for (const other of document.querySelectorAll(".mail")) if (other !== offer) other.remove();
      offer.replaceWith(element("p", {}, message));
      announce(message);
    } catch (error) {
      asking.querySelector(".trouble")?.remove();
      const why = error instanceof Refused ? error.message : say("offline");
      asking.append(element("p", { class: "trouble", role: "alert" }, why));
    }
  });
  return offer;
}

// Without a connection there is nothing to keep yet; when it comes back this is tried again.
async function keepGuide() {
  try {
    const guide = await loadGuide();
    outbox.explainAgain();
    await keepForOffline(guide);
  } catch {
    // See above.
  }
}

// The page ---------------------------------------------------------------------------------------

// An address such as #emergency is also where the keyboard and the screen reader go on.
for (const link of document.querySelectorAll('a[href="#emergency"]')) {
  link.addEventListener("click", () => $("#emergency").focus());
}

addEventListener("online", () => {
  showConnection(true);
  outbox.flush();
  keepGuide();
  if (recall("asked")) live.catchUp();
});
addEventListener("offline", () => showConnection(false));
addEventListener("resize", fit);

const code = takeFromAddress();
thread.offering({ askPerson: offerPerson, mail: offerMail });
field.value = recall("draft") ?? "";
form.hidden = false;
fit();
$("#person").addEventListener("click", askPerson);
offerWifi();
offerDevices({ joined, deleted: forgotten });
if (!navigator.onLine) showConnection(false);
recallConversation();
outbox.start({ connected: showConnection, answered, settled: live.showHeld });
if (code) joinFromLink(code, joined);
setTimeout(keepGuide, QUIET_MS);
