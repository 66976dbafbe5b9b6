// The token that this daemon may ask for: kept for the tab's life, shown with every request.

import { el, text } from "./dom.js";

// What can stand in a header.
const SENDABLE = /^[\x21-\x7e]+$/;
const KEPT = "pelton-token";

export function token() {
  return sessionStorage.getItem(KEPT);
}

let asking = null;

// Asks for the token; answers whether one was given. Whoever asks meanwhile waits for the same answer.
export function askForToken() {
  asking ??= new Promise((resolve) => open(resolve)).finally(() => (asking = null));
  return asking;
}

function open(resolve) {
  const input = el("input", {
    type: "password",
    id: "token",
    autocomplete: "current-password",
    required: true,
    "aria-describedby": "token-why",
  });
  const why = el("p", { id: "token-why", role: "status" });
  text(
    why,
    token() == null
      ? "It is what [admin] token-file holds. It is kept until this tab is closed."
      : "The daemon refused the token (401). It is what [admin] token-file holds.",
  );
  const dialog = el(
    "dialog",
    { "aria-labelledby": "token-title", onclose: () => done(false) },
    el(
      "form",
      { method: "dialog", onsubmit: given },
      el("h2", { id: "token-title" }, "This daemon asks for its token"),
      why,
      el("label", { for: "token" }, "Token"),
      input,
      el(
        "div",
        { class: "choices" },
        el("button", { type: "button", onclick: () => dialog.close() }, "Not now"),
        el("button", { class: "primary" }, "Show what it says"),
      ),
    ),
  );
  function given(event) {
    event.preventDefault();
    const value = input.value.trim();
    if (!SENDABLE.test(value)) {
      text(why, "A token has no spaces, and only letters, digits and signs of ASCII.");
      return input.select();
    }
    sessionStorage.setItem(KEPT, value);
    done(true);
    dialog.close();
  }
  function done(given) {
    resolve(given);
    dialog.remove();
  }
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
}
