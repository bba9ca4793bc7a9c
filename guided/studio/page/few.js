// The panel with the few settings that matter.

import { addressOf } from "/shared/pictures.js";
import { $, el, language, say } from "/shared/words.js";
import { check, draft, namesOf, schema, set, toggleName, valueOf } from "/page/draft.js";
import { examplesOf } from "/page/collection.js";
import { initRows } from "/page/init.js";
import { chipText, enlargedText, labelOf, row } from "/page/labels.js";
import { openSight } from "/page/queue.js";
import { openRegions } from "/page/regions.js";
import { send } from "/page/server.js";
import { tellError } from "/page/toasts.js";

const SHAPES = [["square", 1, 1], ["portrait", 3, 4], ["landscape", 4, 3], ["wide", 16, 9]];
const MOST = 60;  // tiles of artists or looks at once; the search finds the others
const searched = { artist: "", look: "" };
const models = new Map();  // name -> {here, size}
let unfolded = null;  // artist or look, whose tiles are shown
let shownState = "";  // all that the rows depend on
let locked = null;  // the last locked seed

export function takeModels(found) {
  for (const model of found) if (model.group === "model") models.set(model.name, model);
}

export function openFew(open, name = null) {
  $("few").hidden = !open;
  $("adjust").setAttribute("aria-expanded", String(open));
  if (["artist", "look"].includes(name)) unfolded = name;
  refreshFew();
  if (open && name) $("few").querySelector(`[data-name="${name}"] :is(input, select, button)`)?.focus();
}

export function refreshFew() {
  const few = $("few");
  if (few.hidden) return;
  // Nodes that are replaced while a button is pressed would lose the click.
  const state = JSON.stringify([draft.input, check.answer?.size, check.answer?.final_size, check.answer?.steps, check.answer?.film, check.error?.setting, language, unfolded, models.size]);
  if (state === shownState && few.hasChildNodes()) return;
  shownState = state;
  few.setAttribute("aria-label", say("few"));
  const focused = few.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.matches("[type=text], [type=search], [type=number]")) return;  // someone types
  const rows = [modelRow, sizeRow, stepsRow, countRow, seedRow, () => pickRow("artist"), () => pickRow("look"), negativeRow, regionsRow, filmRow];
  few.replaceChildren(...initRows(), ...rows.map((make) => make()).filter(Boolean));
  if (focused?.dataset.key) few.querySelector(`[data-key="${CSS.escape(focused.dataset.key)}"]`)?.focus();
}

function modelRow() {
  const value = valueOf("model");
  return row("model", say("model"), el("select", {
    "aria-label": say("model"), data: { key: "model" }, onchange: (event) => set("model", event.target.value),
  }, ...(schema.choices.model ?? []).map(({ name }) => el("option", {
    value: name, selected: name === value, textContent: models.get(name)?.here === false ? say("notHere", name) : name,
  }))));
}

// The size that the model draws best; null as long as it is not known.
function nativeSize() { return models.get(valueOf("model"))?.size ?? null; }

function sizeRow() {
  const value = draft.input.size ?? null;
  const size = value ?? check.answer?.size ?? nativeSize() ?? "";
  const [width, height] = Array.isArray(size) ? size : [size, size];
  const side = Math.max(...nativeSize() ?? [0]);
  const unit = side <= 64 ? 8 : side <= 128 ? 16 : 64;
  const fit = (length) => Math.max(unit, Math.round(length / unit) * unit);
  const shapes = (side ? SHAPES : []).map(([name, across, down]) => {
    const scale = side / Math.sqrt(across * down);
    const wanted = [fit(across * scale), fit(down * scale)];
    return el("button", {
      type: "button", "aria-pressed": String(wanted[0] === width && wanted[1] === height), data: { key: `shape-${name}` },
      onclick: () => set("size", wanted), title: say("pixels", ...wanted),
    }, shapeIcon(across, down), el("span", { textContent: say(name) }));
  });
  const field = (name, present, other) => el("input", {
    type: "number", min: unit, step: unit, value: present, "aria-label": say(name), data: { key: name }, class: "short",
    onchange: (event) => {
      const length = Number(event.target.value);
      if (length > 0) set("size", name === "width" ? [length, other] : [other, length]);
    },
  });
  return row("size", say("size"), side ? el("span", { class: "group shapes", role: "group", "aria-label": say("size") }, ...shapes) : "",
    el("span", { class: "pair" }, field("width", width, height), "×", field("height", height, width),
      el("span", { class: "soft", textContent: enlargedText() })));
}

function shapeIcon(across, down) {
  const node = el("i", { class: "shape" });
  const scale = 14 / Math.max(across, down);
  Object.assign(node.style, { width: `${across * scale}px`, height: `${down * scale}px` });
  return node;
}

function stepsRow() {
  const usual = check.answer && !("steps" in draft.input) ? check.answer.steps : null;
  const value = draft.input.steps ?? usual ?? 100;
  const number = el("input", {
    type: "number", min: 1, value: draft.input.steps ?? "", placeholder: usual ?? "", class: "short", "aria-label": say("steps"), data: { key: "steps" },
    oninput: (event) => set("steps", event.target.value ? Number(event.target.value) : undefined),
  });
  const slider = el("input", {
    type: "range", min: 10, max: 500, step: 10, value, "aria-label": say("steps"), data: { key: "steps-slider" },
    oninput: (event) => { number.value = event.target.value; },
    onchange: (event) => set("steps", Number(event.target.value)),
  });
  return row("steps", say("steps"), slider, number);
}

function countRow() {
  const value = valueOf("count") ?? 1;
  return row("count", say("count"), el("input", {
    type: "number", min: 1, max: 10000, value, class: "short", "aria-label": say("count"), data: { key: "count" },
    oninput: (event) => { if (event.target.value) set("count", Number(event.target.value)); },
  }), ...[1, 4, 9].map((count) => el("button", {
    type: "button", textContent: count, "aria-pressed": String(count === value), data: { key: `count-${count}` },
    "aria-label": count === 1 ? say("onePicture") : say("countChip", count), onclick: () => set("count", count),
  })));
}

function seedRow() {
  const seed = draft.input.seed ?? null;
  const choose = (word, on, action) => el("button", {
    type: "button", textContent: say(word), "aria-pressed": String(on), data: { key: `seed-${word}` }, onclick: action,
  });
  return row("seed", say("seed"),
    el("span", { class: "group", role: "group", "aria-label": say("seed") },
      choose("fresh", seed === null, () => { locked = seed ?? locked; set("seed", undefined); }),
      choose("locked", seed !== null, () => set("seed", seed ?? locked ?? Math.floor(Math.random() * 2 ** 31)))),
    seed === null ? "" : el("input", {
      type: "number", min: 0, value: seed, "aria-label": say("seed"), class: "medium", data: { key: "seed" },
      oninput: (event) => { if (event.target.value !== "") set("seed", Number(event.target.value)); },
    }));
}

function negativeRow() {
  const value = draft.input.negative ?? "";
  if (typeof value !== "string") return null;  // a list: the form has it
  return row("negative", say("negative"), el("input", {
    type: "text", value, placeholder: say("negativeHint"), "aria-label": say("negative"), data: { key: "negative" },
    oninput: (event) => set("negative", event.target.value),
  }));
}

function regionsRow() {
  if (!schema.settings.has("regions")) return null;
  return row("regions", say("regions"), el("button", {
    type: "button", data: { key: "regions" }, onclick: openRegions, textContent: "regions" in draft.input ? chipText("regions", draft.input.regions) : say("drawBoxes"),
  }));
}

// A still picture, or a film with its length and a page that shows what its camera does.
function filmRow() {
  if (!schema.settings.has("animate")) return null;
  const value = valueOf("animate") ?? "", usual = check.answer?.film;
  const field = (name, most) => el("input", {
    type: "number", min: 1, max: most, value: draft.input[name] ?? "", placeholder: usual?.[name] ?? "", class: "short", "aria-label": say(name), data: { key: name },
    oninput: (event) => set(name, event.target.value ? Number(event.target.value) : undefined),
  });
  return row("animate", say("film"), el("select", {
    "aria-label": say("film"), data: { key: "animate" }, onchange: (event) => set("animate", event.target.value || undefined),
  }, el("option", { value: "", textContent: say("noFilm") }), ...(schema.choices.animate ?? []).map(({ name, about }) =>
    el("option", { value: name, title: about, selected: name === value, textContent: labelOf("animate", name) }))),
  ...(value ? [
    el("label", { class: "pair" }, field("frames", 10000), el("span", { class: "soft", textContent: say("frames") })),
    el("label", { class: "pair" }, field("fps", 120), el("span", { class: "soft", textContent: say("fps") })),
    el("button", { type: "button", data: { key: "film" }, textContent: say("showFilm"), onclick: () => showFilm().catch(tellError) }),
  ] : []));
}

async function showFilm() {
  const { url } = await send("POST", "/films", { input: draft.input });
  openSight(say("showFilm"), el("iframe", { src: url, title: say("showFilm") }));
}

// Artists or looks: what is chosen, and tiles with a picture of each.
function pickRow(group) {
  const chosen = namesOf(group);
  const open = unfolded === group;
  const button = el("button", {
    type: "button", textContent: say("choose"), "aria-expanded": String(open), "aria-label": `${say("choose")}: ${say(group)}`,
    data: { key: `pick-${group}` }, onclick: () => {
      unfolded = open ? null : group;
      refreshFew();
      $("few").querySelector(".picker")?.scrollIntoView({ block: "nearest" });
    },
  });
  const names = chosen.map((name) => el("button", {
    type: "button", "aria-pressed": "true", textContent: labelOf(group, name), data: { key: `has-${name}` },
    "aria-label": say("remove", labelOf(group, name)), onclick: () => toggleName(group, name),
  }));
  const node = row(group, say(group), ...names, button);
  if (open) node.append(tilesOf(group, chosen));
  return node;
}

function tilesOf(group, chosen) {
  const tiles = el("div", { class: "tiles" }), rest = el("p", { class: "soft" });
  const fill = () => {
    const wanted = searched[group].toLowerCase();
    const fits = ({ name, about, label }) =>
      [name, about, ...Object.values(label ?? {})].join(" ").toLowerCase().includes(wanted);
    const examples = examplesOf(group);
    const rank = ({ name }) => chosen.includes(name) ? 2 : examples.has(name) ? 1 : 0;
    const found = (schema.choices[group] ?? []).filter(fits);
    found.sort((a, b) => rank(b) - rank(a));
    const shown = found.slice(0, MOST), others = shown.filter(({ name }) => !examples.has(name));
    tiles.replaceChildren(...shown.map((one) => tile(group, one, chosen.includes(one.name), examples.get(one.name))));
    rest.textContent = [
      found.length > MOST ? say("more", found.length - MOST) : "", others.some(({ manner }) => manner) ? say("inManner") : "",
      others.some(({ manner }) => !manner) ? say("undrawn") : ""].filter(Boolean).join(" · ");
  };
  fill();
  const word = say(group === "artist" ? "searchArtist" : "searchLook");
  return el("div", { class: "picker" },
    el("input", {
      type: "search", value: searched[group], placeholder: word, "aria-label": word, data: { key: `search-${group}` },
      oninput: (event) => { searched[group] = event.target.value; fill(); },
    }), tiles, rest);
}

function tile(group, choice, on, example) {
  const label = labelOf(group, choice.name);
  return el("button", {
    type: "button", class: "tile", "aria-pressed": String(on), title: choice.about ?? "", data: { key: `tile-${group}-${choice.name}` },
    onclick: () => toggleName(group, choice.name),
  }, faceOf(choice, label, example), el("span", { textContent: label }));
}

// One's own picture; else what the models that come with the program make of it (a tiger, cut from
// docs/manners.webp), or its colours.
function faceOf({ manner, colours }, label, example) {
  if (example) return el("img", { src: addressOf.thumb(example), alt: "", loading: "lazy" });
  if (manner) return el("img", { class: "manner", src: `/page/manner-${manner.replaceAll(" ", "-")}.webp`, alt: "", loading: "lazy" });
  if (!colours?.length) return el("span", { class: "initial", textContent: [...label][0] ?? "" });
  return el("span", { class: "colours" }, ...colours.map((colour) => el("i", { style: `background: ${colour}` })));
}
