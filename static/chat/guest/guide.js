// The inn's FAQs, searched on the device itself, for a guest who has no connection.

import { guide } from "./api.js";
import { $, element } from "./dom.js";
import { say } from "./settings.js";

const SHOWN = 20;
const WEIGHT_OF_QUESTION = 2; // a word of the question tells more than one of the answer
const ENOUGH = 0.35; // of what was asked must be found; chosen by trying the demo inn's FAQs

let faqs = [];

export async function loadGuide() {
  faqs = (await guide()).map((faq) => ({
    ...faq,
    inQuestion: terms(faq.question),
    inAnswer: terms(faq.answer),
  }));
  if (!faqs.length) return;
  $("#guide").hidden = false;
  list("");
}

// Words of languages that write between spaces, and pairs of characters of those that do not.
function terms(text) {
  const plain = text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/(\w)[-'’](?=\w)/g, "$1");
  const found = new Set(plain.match(/[a-z0-9]{2,}/g));
  for (const run of plain.normalize("NFC").match(/[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hangul}ー]+/gu) ?? []) {
    for (let start = 0; start < run.length - 1; start += 1) found.add(run.slice(start, start + 2));
  }
  return found;
}

// The FAQs nearest to `text`, best first. A term that stands in few of them weighs more.
export function find(text, atMost = SHOWN) {
  const asked = [...terms(text)].map((term) => {
    const holding = faqs.filter((faq) => faq.inQuestion.has(term) || faq.inAnswer.has(term)).length;
    return { term, weight: Math.log((faqs.length + 1) / (holding + 0.5)) };
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
    if (faq.inQuestion.has(term)) return sum + WEIGHT_OF_QUESTION * weight;
    return faq.inAnswer.has(term) ? sum + weight : sum;
  }, 0);
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
}

$("#guide input").addEventListener("input", (event) => list(event.target.value.trim()));
