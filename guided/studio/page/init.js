// The initial picture, its mask, and pictures as prompts.

import { addressOf, pictures } from "/shared/pictures.js";
import { el, say } from "/shared/words.js";
import { draft, schema, set, valueOf } from "/page/draft.js";
import { icon } from "/page/icons.js";
import { row } from "/page/labels.js";
import { openMask } from "/page/mask.js";
import { upload } from "/page/server.js";
import { tellError } from "/page/toasts.js";

// Uploads a picture and takes it as the initial one: whether that succeeded.
export async function attach(file) {
  if (!file) return false;
  try {
    const { value } = await upload(file);
    set("init", value);
    return true;
  } catch (error) {
    tellError(error);
    return false;
  }
}

// Where the picture of a value lies: upload:ID or picture:ID. Null for other values.
export function addressOfImage(value) {
  const one = Array.isArray(value) ? value[0]?.image ?? value[0] : value;
  const [, kind, id] = /^(upload|picture):(.+)$/.exec(typeof one === "string" ? one : "") ?? [];
  if (kind === "upload") return `/uploads/${encodeURIComponent(id)}`;
  if (kind === "picture") return pictures.has(id) ? addressOf.thumb(pictures.get(id)) : `/pictures/${encodeURIComponent(id)}/thumb`;
  return null;
}

// The same at full size.
function addressOfWhole(value) {
  return value.startsWith("picture:") ? `/pictures/${encodeURIComponent(value.slice(8))}/file` : addressOfImage(value);
}

export function initRows() {
  const rows = [];
  const init = draft.input.init;
  if (addressOfImage(init)) {
    rows.push(row("init", say("init"),
      el("img", { class: "small", src: addressOfImage(init), alt: say("init") }),
      schema.settings.has("mask") ? el("button", {
        type: "button", data: { key: "mask" }, onclick: () => openMask(addressOfWhole(init), addressOfImage(draft.input.mask)).catch(tellError),
      }, icon("brush"), el("span", { textContent: say("editMask") })) : "",
      removal("init")));
  }
  if (addressOfImage(draft.input.mask)) {
    rows.push(row("mask", say("maskTitle"),
      el("img", { class: "small", src: addressOfImage(draft.input.mask), alt: say("maskTitle") }), removal("mask")));
  }
  if (init) rows.push(strengthRow());
  if (addressOfImage(draft.input.image_prompt)) {
    rows.push(row("image_prompt", say("like"), ...draft.input.image_prompt.map((one) => el("button", {
      type: "button", class: "small", "aria-label": say("remove", say("like")), data: { key: `like-${one.image ?? one}` },
      onclick: () => set("image_prompt", draft.input.image_prompt.filter((other) => other !== one)),
    }, el("img", { src: addressOfImage([one]), alt: "" }), icon("close")))));
  }
  return rows;
}

function removal(name) {
  return el("button", {
    type: "button", class: "round", "aria-label": say("remove", say(name === "mask" ? "maskTitle" : "init")),
    data: { key: `remove-${name}` }, onclick: () => set(name, undefined),
  }, icon("close"));
}

function strengthRow() {
  const value = valueOf("strength"), usual = "mask" in draft.input ? 1 : 0.5;
  const told = el("output", { textContent: value ?? usual });
  return row("strength", say("strength"), el("span", { class: "soft", textContent: say("strengthLow") }),
    el("input", {
      type: "range", min: 0.05, max: 1, step: 0.05, value: typeof value === "number" ? value : usual,
      "aria-label": say("strength"), data: { key: "strength" },
      oninput: (event) => { told.textContent = event.target.value; },
      onchange: (event) => set("strength", Number(event.target.value)),
    }), el("span", { class: "soft", textContent: say("strengthHigh") }), told);
}
