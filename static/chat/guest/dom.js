// Small helpers around the page's elements. Text is only ever set as text, never as HTML.

import { say } from "./settings.js";

export const $ = (selector) => document.querySelector(selector);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const ADDRESS_OR_PHONE = /(https?:\/\/[^\s<>"'、。，）」]+[^\s<>"'、。，）」.,;:!?)])|(\+?\d{2,4}[-\s]\d{2,4}[-\s]\d{3,4}(?!\d))/gu;

const OR_IN_DANGER = new RegExp(`${ADDRESS_OR_PHONE.source}|119|110`, "gu");

// The text, with addresses and phone numbers as links; 119 and 110 where they mean an emergency.
export function linked(text, { inDanger = false } = {}) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(inDanger ? OR_IN_DANGER : ADDRESS_OR_PHONE)) {
    const [found, address] = match;
    pieces.push(text.slice(end, match.index));
    pieces.push(
      address
        ? element("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, found)
        : element("a", { href: `tel:${found.replace(/[^\d+]/g, "")}` }, found),
    );
    end = match.index + found.length;
  }
  pieces.push(text.slice(end));
  return pieces;
}

// Said to a screen reader; the same text twice is said twice.
export function announce(text) {
  const spoken = element("p", {}, text);
  $("#announcer").replaceChildren(spoken);
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyOldWay(text); // without https there is no clipboard to ask for
  }
  button.textContent = say("copied");
  announce(say("copied"));
  setTimeout(() => (button.textContent = say("copy")), 2000);
}

function copyOldWay(text) {
  const field = element("textarea", { class: "hidden" });
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

export function confirmed(question, details, yes) {
  const dialog = $("#confirm");
  $("#confirm-question").textContent = question;
  $("#confirm-details").textContent = details;
  dialog.querySelector("[value=yes]").textContent = yes;
  if (!dialog.showModal) return Promise.resolve(window.confirm(`${question} ${details}`)); // Safari 15
  dialog.returnValue = "no";
  dialog.showModal();
  dialog.querySelector("[value=no]").focus(); // the one that does no harm
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
