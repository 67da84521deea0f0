// The inn's FAQs, searched on the device itself, for a guest who has no connection.

import { guide } from "./api.js";
import { $, announce, element } from "./dom.js";
import { say } from "./settings.js";

const SHOWN = 20;
const WEIGHT_OF_QUESTION = 2; // a word of the question tells more than one of the answer
const ENOUGH = 0.3; // of what was asked must be found; chosen by trying the demo inn's FAQs
const RARE = 3; // FAQs
const SHORTEST_START = 4; // characters

let faqs = [];

// Returns what the inn has sent, for `offline.js` to keep.
export async function loadGuide() {
  const sent = await guide();
  faqs = sent.faqs.map((faq) => ({
    ...faq,
    inQuestion: terms(faq.question),
    inAnswer: terms(faq.answer),
  }));
  $("#guide").hidden = !faqs.length;
  list($("#guide input").value.trim());
  return sent;
}

// Words of languages that write between spaces, and pairs of characters of those that do not; but
// pairs of hiragana are grammar.
function terms(text) {
  const plain = text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/(\w)[-'’](?=\w)/g, "$1");
  const found = new Set(plain.match(/[a-z0-9]{2,}/g));
  for (const run of plain.normalize("NFC").match(/[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hangul}ー]+/gu) ?? []) {
    for (let start = 0; start < run.length - 1; start += 1) {
      const pair = run.slice(start, start + 2);
      if (!/^\p{sc=Hira}+$/u.test(pair)) found.add(pair);
    }
  }
  return found;
}

// The FAQs nearest to `text`, best first. A term that stands in few of them weighs more.
export function find(text, atMost = SHOWN) {
  const asked = [...terms(text)].map((term) => {
    const holding = faqs.filter((faq) => has(faq.inQuestion, term) || has(faq.inAnswer, term)).length;
    const weight = Math.log((faqs.length + 1) / Math.max(holding, RARE));
    // A word that stands nowhere says little: it may be another word for one that does.
    return { term, weight: holding ? weight : weight / 2 };
  });
  const whole = asked.reduce((sum, { weight }) => sum + weight, 0);
  return faqs
    .map((faq) => ({ faq, share: score(faq, asked) / (WEIGHT_OF_QUESTION * whole) }))
    .filter(({ share }) => share >= ENOUGH)
    .sort((one, other) => other.share - one.share)
    .slice(0, atMost)
    .map(({ faq }) => faq);
}

function score(faq, asked) {
  return asked.reduce((sum, { term, weight }) => {
    if (has(faq.inQuestion, term)) return sum + WEIGHT_OF_QUESTION * weight;
    return has(faq.inAnswer, term) ? sum + weight : sum;
  }, 0);
}

// Also where one word is the beginning of the other: parking has park, and laund a laundry.
function has(found, term) {
  if (found.has(term)) return true;
  for (const other of found) {
    if (Math.min(other.length, term.length) < SHORTEST_START) continue;
    if (other.startsWith(term) || term.startsWith(other)) return true;
  }
  return false;
}

export function entry(faq, { open = false } = {}) {
  return element("details", { open }, element("summary", {}, faq.question),
    element("p", { dir: "auto" }, faq.answer));
}

function list(text) {
  const found = text ? find(text) : faqs;
  $("#guide .found").replaceChildren(
    ...(found.length ? found.map((faq) => entry(faq)) : [say("guide_nothing")]),
  );
  if (!found.length) announce(say("guide_nothing"));
}

$("#guide input").addEventListener("input", (event) => list(event.target.value.trim()));
