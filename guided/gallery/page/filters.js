// Which pictures are shown, in which order: pure functions of what is chosen above the wall.

import { batches, isAbsent, overAll, pictures, stateOf } from "./pictures.js";
import { $, el, language, say } from "./words.js";

const TOO_MANY = 400;  // choices: then one types
let names = ["batch", "artist", "look", "model", "seed", "state"];  // of the filters
export const chosen = { text: "", sort: "" };  // and the value of each filter; "" is none

export function filterBy(some) { names = some; }

function valuesOf(p, name) {
  if (name === "batch") return overAll ? [p.batch.folder] : [];
  if (name === "seed") return p.seed === undefined ? [] : [String(p.seed)];
  if (name === "state") return [stateOf(p)];
  return p[name] ?? [];
}

function fits(p, tokens) {
  for (const name of names) {
    if (chosen[name] && !valuesOf(p, name).includes(chosen[name])) return false;
  }
  return tokens.every((token) => p.words.includes(token) || String(p.seed) === token);
}

// The pictures, and where a state is chosen, also what is no picture yet.
export function offered() { return [...pictures.values()].filter((p) => chosen.state || !isAbsent(p)); }

export function shown() {
  const tokens = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
  return offered().filter((p) => fits(p, tokens)).sort(ORDERS[order()]);
}

const made = ({ batch }) => batch.parsed ??= Date.parse(batch.made ?? "") || 0;
const time = (p) => p.time ?? Infinity;
const byNumber = (a, b) => made(b) - made(a) || (a.batch.folder < b.batch.folder ? 1 : -1) *
  (a.batch === b.batch ? 0 : 1) || a.number - b.number;
export const ORDERS = {
  number: byNumber,
  score: (a, b) => (b.score ?? -Infinity) - (a.score ?? -Infinity) || byNumber(a, b),
  newest: (a, b) => (b.time ?? -Infinity) - (a.time ?? -Infinity) || byNumber(a, b),
  oldest: (a, b) => time(a) - time(b) || byNumber(a, b),
};

export function order() { return chosen.sort in ORDERS ? chosen.sort : "number"; }

// The selects: only those among whose values one can choose.
export function offerChoices(changed) {
  const place = $("choices");
  const selects = names.map((name) => {
    const counts = new Map();
    for (const p of name === "state" ? pictures.values() : offered()) {
      for (const value of valuesOf(p, name)) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    if (counts.size < 2 && !chosen[name]) return null;
    if (counts.size > TOO_MANY) return null;  // the search finds a seed, too
    if (chosen[name] && !counts.has(chosen[name])) counts.set(chosen[name], 0);
    const titles = name === "batch" ? batchNames() : new Map();
    const label = (value) => name === "state" ? say(value) : titles.get(value) ?? value;
    const numeric = new Intl.Collator(language, { numeric: true });
    const values = [...counts.keys()];
    if (name !== "batch") values.sort((a, b) => numeric.compare(label(a), label(b)));
    return el("select", {
      class: chosen[name] ? "on" : "", "aria-label": say(name), data: { name },
      onchange: (event) => { chosen[name] = event.target.value; changed(); },
    },
      el("option", { value: "", textContent: say("any", say(name)) }),
      ...values.map((value) => el("option", {
        value, selected: value === chosen[name], textContent: `${label(value)} (${counts.get(value)})`,
      })),
    );
  }).filter(Boolean);
  const before = document.activeElement?.dataset?.name;
  place.replaceChildren(...selects);
  if (before) [...selects].find((select) => select.dataset.name === before)?.focus();
}

// Names of batches for people, by folder: titles, with the time where several have one title, and
// with the folder where that is the same too.
function batchNames() {
  const names = new Map(batches.map((batch) => [batch.folder, batch.title]));
  const more = [
    (batch) => isNaN(made({ batch })) || !made({ batch }) ? "" : new Date(batch.made).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" }),
    (batch) => batch.at ?? batch.folder,
  ];
  for (const detail of more) {
    const count = new Map();
    for (const name of names.values()) count.set(name, (count.get(name) ?? 0) + 1);
    for (const batch of batches) {
      const name = names.get(batch.folder);
      if (count.get(name) > 1) names.set(batch.folder, [name, detail(batch)].filter(Boolean).join(" · "));
    }
  }
  return names;
}

export function forget() {
  for (const name of names) chosen[name] = "";
  chosen.text = $("search").value = "";
}
