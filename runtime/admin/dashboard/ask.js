// What is asked of the daemon, and what became of it.

import { token } from "./token.js";

// How long an answer may take that only tells something.
const PATIENCE = 5_000;
// And one for which a topic is read.
export const READING = 60_000;

// Nobody answers: the daemon is restarting, or it can't be reached.
export class Away extends Error {}

// The daemon answers that it won't.
export class Refused extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export function look(path, patience = PATIENCE) {
  return ask(path, { signal: AbortSignal.timeout(patience) });
}

// Has something changed. It answers when that is done, which may take a while.
export function change(path, body) {
  const options = { method: "POST", headers: { "x-pelton": "dashboard" } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["content-type"] = "application/json";
  }
  return ask(path, options);
}

// The address of something of a handler.
export function of(handler, ...rest) {
  return ["/v1/handlers", ...[handler, ...rest].map(encodeURIComponent)].join("/");
}

async function ask(path, options) {
  const headers = { ...options.headers };
  const shown = token();
  if (shown) headers.authorization = `Bearer ${shown}`;
  let response;
  let body;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
    body = await response.text();
  } catch (error) {
    throw new Away(error.message);
  }
  const told = parsed(body);
  if (!response.ok) {
    const why = told?.error ?? told?.problem ?? `The daemon answers ${response.status}.`;
    throw new Refused(response.status, why, told);
  }
  return told;
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
