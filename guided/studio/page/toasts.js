// Short messages at the lower edge, some with a button.

import { $, el, say } from "/shared/words.js";
import { Unreachable } from "/page/server.js";

const SHOWN = 8000;  // milliseconds
export const place = $("toasts");

// With `action` ({word, run}) the toast has a button.
export function toast(text, action = null, kind = "") {
  const node = el("div", { class: `toast ${kind}` }, el("span", { textContent: text }));
  if (action) {
    node.append(el("button", { type: "button", textContent: say(action.word), onclick: () => { node.remove(); action.run(); } }));
  }
  // Around a modal dialog nothing can be clicked: there, the message stands inside.
  const host = [...document.querySelectorAll("dialog[open]")].pop() ?? document.body;
  if (place.parentElement !== host) host.append(place);
  place.append(node);
  setTimeout(() => node.remove(), SHOWN);
}

document.addEventListener("close", () => { document.body.append(place); }, true);

export function tellError(error) {
  toast(error instanceof Unreachable ? say("offline") : error.message, null, "bad");
}
