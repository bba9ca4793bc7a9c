// Two pictures beside each other, at the same step, and the settings in which they differ.

import { addressOf, describe } from "/shared/pictures.js";
import { $, el, say } from "/shared/words.js";
import { textOf } from "/page/labels.js";
import { get } from "/page/server.js";
import { tellError } from "/page/toasts.js";

export let first = null;  // the picture that is compared, while the other is chosen

export function chooseOther(p) {
  first = p;
  showChoosing();
}

export function showChoosing() {
  $("comparing").hidden = !first;
  if (!first) return;
  $("comparing").replaceChildren(
    el("img", { src: addressOf.thumb(first), alt: describe(first) }), el("span", { textContent: say("compareHint") }),
    el("button", { type: "button", textContent: say("cancel"), onclick: stopChoosing }));
}

export function stopChoosing() {
  first = null;
  showChoosing();
}

export async function compareWith(second) {
  const a = first, b = second;
  stopChoosing();
  try {
    fill(a, b, await get(`/compare?a=${encodeURIComponent(a.id)}&b=${encodeURIComponent(b.id)}`));
  } catch (error) {
    tellError(error);
  }
}

function fill(a, b, { steps, differences }) {
  const dialog = $("compare");
  const sides = [a, b].map((p) => {
    const image = el("img", { src: addressOf.full(p), alt: describe(p) });
    return { p, image, node: el("figure", {}, image, el("figcaption", { textContent: p.prompt })) };
  });
  const told = el("output", { textContent: say("finished") });
  const slider = el("input", {
    type: "range", min: 0, max: steps.length, value: steps.length, "aria-label": say("sameSteps"),
    oninput: () => {
      const step = steps[Number(slider.value)];
      told.textContent = step === undefined ? say("finished") : say("nthStep", step);
      slider.setAttribute("aria-valuetext", told.textContent);
      for (const { p, image } of sides) image.src = step === undefined ? addressOf.full(p) : `/pictures/${encodeURIComponent(p.id)}/steps/${step}`;
    },
  });
  dialog.setAttribute("aria-label", say("compare"));
  dialog.replaceChildren(
    el("h2", { textContent: say("compare") }),
    el("div", { class: "two" }, ...sides.map(({ node }) => node)),
    steps.length ? el("div", { class: "scrubber" }, slider, told) : el("p", { class: "soft", textContent: say("noSteps") }),
    el("h3", { textContent: say("differences") }),
    differences.length ? table(differences) : el("p", { class: "soft", textContent: say("noDifferences") }),
    el("nav", {}, el("button", { type: "button", class: "close", title: say("close"), "aria-label": say("close"), textContent: "×", onclick: () => dialog.close() })));
  if (!dialog.open) dialog.showModal();
  dialog.focus();
}

function table(differences) {
  const cell = (value) => el("td", { textContent: value === null || value === undefined ? "–" : textOf(value) });
  return el("table", { class: "settings" }, el("tbody", {}, ...differences.map(({ name, a, b }) =>
    el("tr", {}, el("th", { scope: "row", textContent: name }), cell(a), cell(b)))));
}
