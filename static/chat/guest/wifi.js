// How to join the inn's Wi-Fi: what to copy, and a code that another device can scan. Kept on the
// device: whoever needs it next may have no connection to ask with.

import { Refused, call } from "./api.js";
import { $, copy, element } from "./dom.js";
import { recall, remember, session } from "./memory.js";
import { say, settings } from "./settings.js";

async function ask() {
  const body = { session_id: session(), site_key: recall("site_key") };
  const wifi = await call(`/facility/${settings.slug}/wifi`, { method: "POST", body });
  remember("wifi", wifi);
  return wifi;
}

export function wifiCard() {
  const card = element("div", { class: "wifi" });
  ask()
    .catch((error) => {
      if (error instanceof Refused) throw error;
      return recall("wifi") ?? Promise.reject(error);
    })
    .then((wifi) => {
      const { top } = card.getBoundingClientRect();
      card.replaceChildren(...lines(wifi));
      if (top > 0 && top < innerHeight) card.scrollIntoView({ block: "nearest" });
    })
    .catch((error) => {
      const isRefused = error instanceof Refused && error.status === 403;
      card.textContent = say(isRefused ? "scan_code" : "offline");
    });
  return card;
}

function lines({ ssid, password, qr_code_url: picture }) {
  return [
    line(say("wifi_name"), ssid),
    password && line(say("wifi_password"), password),
    element("figure", {}, element("img", { src: picture, alt: "", width: 148, height: 148 }),
      element("figcaption", {}, say("wifi_scan"))),
  ].filter(Boolean);
}

function line(name, value) {
  const button = element("button", { type: "button", class: "small" }, say("copy"));
  button.setAttribute("aria-label", `${say("copy")}: ${name}`);
  button.addEventListener("click", () => copy(value, button));
  return element("p", {}, `${name} `, element("code", {}, value), " ", button);
}

export function offerWifi() {
  const button = $("#wifi");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const card = $("#wifi-card");
    card.hidden = !card.hidden;
    button.setAttribute("aria-expanded", !card.hidden);
    if (!card.hidden) card.replaceChildren(wifiCard());
  });
}
