// The guest API, which is all that this page talks to.

import { session } from "./memory.js";
import { settings } from "./settings.js";

const BASE = "/api/v1";
const PATIENCE_MS = 30000; // an answer takes eight seconds at most; this long a silence is a dead line

// The inn has answered that it will not do this. Whatever else is thrown is the network's fault.
export class Refused extends Error {
  constructor(status, body, retryAfterSeconds = 0) {
    super(body?.detail ?? "");
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

async function request(path, { method = "GET", body, query, signal } = {}) {
  const search = query ? `?${new URLSearchParams(query)}` : "";
  const response = await fetch(`${BASE}${path}${search}`, {
    method,
    headers: {
      "Accept-Language": settings.language,
      ...(body && { "Content-Type": "application/json" }),
    },
    body: body && JSON.stringify(body),
    signal,
  });
  if (response.ok) return response;
  const told = await response.json().catch(() => null);
  throw new Refused(response.status, told, Number(response.headers.get("Retry-After")) || 0);
}

export async function call(path, options) {
  return withPatience(async (_, signal) => {
    const response = await request(path, { ...options, signal });
    return response.json();
  });
}

// Ask, and hear the answer while it is being written. Returns the body of `POST /chat`.
export async function ask(question, onPiece) {
  return withPatience(async (stillThere, signal) => {
    const response = await request("/chat/stream", { method: "POST", body: question, signal });
    for await (const { name, data } of events(response.body, stillThere)) {
      if (name === "token") onPiece(data.text);
      else if (name === "error") throw new Refused(500, data); // its status was sent long before
      else return data;
    }
    throw new Error("the answer broke off");
  });
}

async function withPatience(work) {
  const silence = new AbortController();
  let timer;
  const stillThere = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), PATIENCE_MS);
  };
  stillThere();
  try {
    return await work(stillThere, silence.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function* events(body, stillThere) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    stillThere();
    text += decoder.decode(value, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (name && data) yield { name, data: JSON.parse(data) };
    }
  }
}

// The conversation's address, for its history and its stream of events.
export function conversation(kind) {
  return `/chat/${kind}/${encodeURIComponent(session())}`;
}

export function openEvents(after) {
  const query = new URLSearchParams({ facility_id: settings.facility, after });
  return new EventSource(`${BASE}${conversation("events")}?${query}`);
}

export async function history(after = 0) {
  const query = { facility_id: settings.facility, after };
  return (await call(conversation("history"), { query })).messages;
}

const GUIDE = `/facility/${settings.slug}/faqs`;

export function guide() {
  return call(GUIDE, { query: { language: settings.language } });
}

// Where the guide is found again.
export const guideAddress = `${BASE}${GUIDE}?language=${settings.language}`;
