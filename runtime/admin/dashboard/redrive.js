// Giving dead letters back: first what would be is asked for and shown, then it is done.

import { change, of } from "./ask.js";
import { confirm, say } from "./dialog.js";
import { button } from "./dom.js";
import { plural } from "./words.js";

const STAYS = {
  already: "redriven before",
  loops: "came back too often",
  cut: "only a part of the message is there",
  foreign: "where it came from isn't told",
};

// A button for it. `filter()` says which letters, and `which` in words; `changed` is called when something was written.
export function redriveButton(label, name, filter, which, changed) {
  const own = button(label, async () => {
    // Planning reads the topic: once at a time is enough.
    own.disabled = true;
    const asked = filter();
    try {
      const planned = await change(`${of(name, "redrive")}?${asked}`);
      again();
      askRedrive(name, asked, planned, which, changed);
    } catch (error) {
      again();
      say(error.message);
    }
  });
  // A button that can't be pressed loses the focus, which is given back unless it has gone elsewhere.
  function again() {
    own.disabled = false;
    if (document.activeElement === document.body) own.focus();
  }
  return own;
}

function askRedrive(name, filter, planned, which, changed) {
  const number = sum(planned.written);
  if (number === 0) return say(`Nothing to redrive.${stays(planned.skipped)}`);
  const topics = Object.keys(planned.written).join(", ");
  const made = planned.made ? ` The topic is made for it.` : "";
  confirm({
    title: `Redrive ${plural(number, "dead letter")}?`,
    about: `Copies of ${which} are written to ${topics}, which ${name} alone reads.${made}${stays(planned.skipped)}`,
    label: "Redrive",
    work: async () => {
      const done = await change(`${of(name, "redrive")}?${new URLSearchParams([...filter, ["execute", "true"]])}`);
      changed();
      return `${plural(sum(done.written), "dead letter")} redriven.`;
    },
  });
}

function sum(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function stays(skipped) {
  return Object.entries(skipped)
    .map(([why, count]) => ` ${count} ${count === 1 ? "stays" : "stay"}: ${STAYS[why] ?? why}.`)
    .join("");
}
