// The dashboard: asks how everything stands each second, and shows it.

import { Away, Refused, look } from "./ask.js";
import { Banner, Header } from "./header.js";
import { Handlers } from "./handlers.js";
import { askForToken } from "./token.js";

const EVERY = 1_000;

const header = new Header();
const banner = new Banner(enterToken);
const handlers = new Handlers();

let before = null;
let timer;
// Whether somebody was asked for the token and didn't give it.
let declined = false;

async function tick() {
  clearTimeout(timer);
  // Who doesn't look isn't shown anything; coming back asks at once.
  if (document.hidden) return;
  try {
    const overview = await look("/v1/status");
    banner.well();
    header.update(overview);
    handlers.update(overview, before);
    before = overview;
  } catch (error) {
    await trouble(error);
  }
  clearTimeout(timer);
  timer = setTimeout(tick, EVERY);
}

async function trouble(error) {
  if (error instanceof Away) {
    header.away();
    banner.away(before);
  } else if (error instanceof Refused && error.status === 401) {
    if (declined) return banner.locked();
    declined = !(await askForToken());
    if (!declined) timer = setTimeout(tick);
  } else if (error instanceof Refused) {
    banner.refused(error);
  } else {
    throw error;
  }
}

async function enterToken() {
  declined = !(await askForToken());
  await tick();
}

document.addEventListener("visibilitychange", tick);
tick();
