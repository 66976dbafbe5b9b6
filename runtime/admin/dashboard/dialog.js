// Dialogs: what is about to be changed is confirmed first, and what comes of it stands where it was asked for.

import { button, el, show, text } from "./dom.js";

const said = document.getElementById("said");

let silence;

// Says in a line what was done. It is read out, and gone after a while.
export function say(line) {
  text(said, line);
  clearTimeout(silence);
  silence = setTimeout(() => text(said, ""), 8_000);
}

// Asks whether to go on, and does it while the dialog stands; an error stays in it until somebody has read it.
// `work` answers the line that is said at the end. `extra` are nodes between the text and the choices.
export function confirm({ title, about, label, danger = false, extra = [], work }) {
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const cancel = button("Cancel", () => dialog.close());
  const go = el("button", { class: danger ? "danger" : "primary" }, label);
  const dialog = el(
    "dialog",
    { "aria-labelledby": "confirm-title", onclose: () => dialog.remove() },
    el(
      "form",
      { method: "dialog", onsubmit: submit },
      el("h2", { id: "confirm-title" }, title),
      el("p", {}, about),
      ...extra,
      problem,
      el("div", { class: "choices" }, cancel, go),
    ),
  );
  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    text(go, `${label} …`);
    show(problem, false);
    try {
      say(await work());
      dialog.close();
    } catch (error) {
      text(problem, error.message || "The daemon doesn't answer.");
      show(problem, true);
      text(go, label);
      go.disabled = false;
      text(cancel, "Close");
    }
  }
  document.body.append(dialog);
  dialog.showModal();
}
