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
// The daemon's, when the page was loaded: another one has another page.
let version;
// Whether somebody was asked for the token and didn't give it.
let declined = false;

async function tick() {
  clearTimeout(timer);
  // Who doesn't look isn't shown anything; coming back asks at once.
  if (document.hidden) return;
  let next = EVERY;
  try {
    const overview = await look("/v1/status");
    version ??= overview.version;
    if (overview.version !== version) return location.reload();
    header.update(overview);
    handlers.update(overview, before);
    before = overview;
    banner.well();
  } catch (error) {
    next = await trouble(error);
  } finally {
    clearTimeout(timer);
    timer = setTimeout(tick, next);
  }
}

// Answers after how long it is looked again.
async function trouble(error) {
  if (error instanceof Away) {
    header.away();
    banner.away(before);
  } else if (error instanceof Refused && error.status === 401) {
    if (!declined) declined = !(await askForToken());
    if (!declined) return 0;
    banner.locked();
  } else if (error instanceof Refused) {
    banner.refused(error);
  } else {
    // A mistake of the page's own: whoever looks is told that what is shown may be old.
    console.error(error);
    banner.refused(error);
  }
  return EVERY;
}

async function enterToken() {
  declined = !(await askForToken());
  await tick();
}

document.addEventListener("visibilitychange", tick);
tick();
