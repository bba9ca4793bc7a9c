// The grid: two settings of a sweep along its sides, and in each field the pictures that have both.

import { batches, caption, overAll } from "./pictures.js";
import { makeCard } from "./wall.js";
import { $, el, say } from "./words.js";

const sides = { across: null, down: null };  // names of axes; "" is none

export function gridAxes() { return overAll ? [] : batches[0]?.axes ?? []; }

function settleSides() {
  const names = gridAxes().map((axis) => axis.name);
  const good = (name) => name === "" || names.includes(name);
  // A prompt is long, and a seed says nothing: other settings come first.
  const rank = (name) => name === "seed" ? 2 : name === "prompt" ? 1 : 0;
  const best = [...names].sort((a, b) => rank(a) - rank(b));
  if (sides.down === null || !good(sides.down)) sides.down = best[0] ?? "";
  if (sides.across === null || !good(sides.across)) sides.across = best.find((n) => n !== sides.down) ?? "";
}

export function layOut(found, redraw) {
  const place = $("grid");
  const axes = gridAxes();
  settleSides();
  const [x, y] = ["across", "down"].map((side) => axes.findIndex((axis) => axis.name === sides[side]));
  const fields = new Map();
  for (const p of found) {
    const key = `${p.at[x] ?? 0},${p.at[y] ?? 0}`;
    fields.set(key, [...(fields.get(key) ?? []), p]);
  }
  const columns = x < 0 ? [""] : axes[x].values, rows = y < 0 ? [""] : axes[y].values;
  const head = el("tr", {}, el("td", { class: "corner", textContent: corner() }),
    ...columns.map((value) => el("th", { scope: "col", textContent: label(value, x) })));
  const body = rows.map((value, j) => el("tr", {},
    el("th", { scope: "row" }, el("span", { textContent: label(value, y) })),
    ...columns.map((_, i) => el("td", {}, field(fields.get(`${i},${j}`) ?? [])))));
  place.replaceChildren(
    el("p", { class: "sides" }, chooser("down", redraw), swapper(redraw), chooser("across", redraw)),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...body))),
  );
}

function label(value, axis) {
  if (axis < 0) return "";
  return value && gridAxes()[axis].name === "negative" ? say("unwanted", value) : value || say("notset");
}

function corner() { return [sides.down, sides.across].filter(Boolean).join(" \\ "); }

function field(found) {
  const crowd = found.length > 4 ? "crowd" : found.length > 1 ? "few" : "";
  return el("div", { class: `field ${crowd}` }, ...found.map((p) => {
    const card = makeCard(p);
    card.querySelector(".caption").remove();
    card.title = [caption(p), p.score?.toFixed(3)].filter(Boolean).join(" · ");
    return card;
  }));
}

function chooser(side, redraw) {
  const options = ["", ...gridAxes().map((axis) => axis.name)].map((name) => el("option", {
    value: name, selected: name === sides[side], textContent: name || say("nothing"),
  }));
  return el("label", { class: "choice" }, el("span", { textContent: say(side) }),
    el("select", {
      data: { side },
      onchange: (event) => {
        const other = side === "down" ? "across" : "down";
        if (event.target.value === sides[other]) sides[other] = sides[side];
        sides[side] = event.target.value;
        redraw();
      },
    }, ...options));
}

function swapper(redraw) {
  return el("button", {
    type: "button", class: "quiet", textContent: "⇄", "aria-label": `${say("across")} ⇄ ${say("down")}`,
    onclick: () => { [sides.across, sides.down] = [sides.down, sides.across]; redraw(); },
  });
}
