// What this device remembers of its guest at this inn. Where a browser refuses to remember
// anything (some do inside a frame), it is kept as long as the page is open.

import { settings } from "./settings.js";

const inThisPage = new Map();

function place(name) {
  return `yadopera-${settings.facility}-${name}`;
}

export function remember(name, value) {
  inThisPage.set(name, value);
  try {
    localStorage.setItem(place(name), JSON.stringify(value));
  } catch {
    // Full or forbidden.
  }
}

export function recall(name) {
  try {
    const kept = localStorage.getItem(place(name));
    if (kept !== null) return JSON.parse(kept);
  } catch {
    // Forbidden, or written by somebody else.
  }
  return inThisPage.get(name);
}

export function forget(...names) {
  for (const name of names) {
    inThisPage.delete(name);
    try {
      localStorage.removeItem(place(name));
    } catch {
      // Forbidden.
    }
  }
}

// crypto.randomUUID needs https; an inn's own network may have none.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// The session is named before the first question: one that is sent twice then opens one conversation.
export function session() {
  if (!recall("session")) remember("session", newId());
  return recall("session");
}
