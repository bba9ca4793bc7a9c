// The page: its title, its tools, the keys, and looking again while a batch runs.

import { chosen, forget, offerChoices, offered, order, ORDERS, shown } from "./filters.js";
import { gridAxes, layOut } from "./grid.js";
import { commandNode, follow, go, hooks, linkNode, opened, openPicture } from "./lightbox.js";
import { load } from "./loading.js";
import { addressOf, batches, command, isAlive, isUnfinished, overAll, pictures, stateOf, take } from "./pictures.js";
import { hang, move, setHeight } from "./wall.js";
import { $, el, language, memory, say, sayCount, saySpan, switchLanguage } from "./words.js";

const SOON = 2000, LATE = 60000;  // milliseconds between looks at a running batch
const LOST = 90;  // seconds without a change, after which no time left is shown
let view = "wall";

function show() {
  const found = shown();
  follow(found);
  const gridded = gridAxes().length > 0;
  if (!gridded) view = "wall";
  $("wall").hidden = view !== "wall";
  $("grid").hidden = view !== "grid";
  document.body.classList.toggle("single", isSingle());
  if (view === "wall") hang(found); else layOut(found, show);
  $("found").textContent = sayFound(found);
  $("message").hidden = found.length > 0;
  $("message").replaceChildren(...(offered().length || chosen.state
    ? [say("none"), " ", el("button", { type: "button", textContent: say("clear"), onclick: () => { forget(); refresh(); } })]
    : [unread ? say("missing", hereOnDisk()) : say("empty")]));
}

// One picture and no other: it is shown large at once.
function isSingle() { return !overAll && pictures.size === 1; }

// How many are shown. What is not drawn is no picture, and is counted only where it is asked for.
function sayFound(found) {
  if (chosen.state && chosen.state !== "done") return `${found.length} ${say(chosen.state)}`;
  const isThere = (p) => p.file !== undefined;
  const [here, all] = [found, [...pictures.values()]].map((some) => some.filter(isThere).length);
  return here === all ? sayCount(all) : say("of", here, sayCount(all));
}

hooks.details = async (p) => addressOf.making(p) ? (await load(addressOf.making(p)))[0] : null;
hooks.actions = (p) => [
  overAll ? linkNode(`${p.batch.folder}index.html`, `${say("batch")}: ${p.batch.title} ›`)
    : p.batch.below ? linkNode($("all").getAttribute("href"), `${say("gallery")} ›`) : "",
  el("div", { class: "commands" }, ...commands(p)),
];

function commands(p) {
  if (!p.file) return [commandNode("resume", command(`resume=${p.batch.place}`))];
  const from = `from=${p.batch.place}/${decodeURIComponent(p.file)}`;
  return [
    commandNode("repeat", command(from)),
    commandNode("vary", command(from, `seed=${(p.seed ?? 0) + 1}`, "count=4")),
  ];
}

function hereOnDisk() { return decodeURIComponent(location.pathname.replace(/\/[^/]*$/, "")); }

// Everything around the pictures, in the language chosen.
function refresh() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  const title = overAll ? say("gallery") : batches[0]?.title ?? "";
  document.title = title;
  $("title").textContent = title;
  const date = new Date(batches[0]?.made ?? NaN);
  $("subtitle").textContent = overAll || isNaN(date) ? "" : date.toLocaleString(language, { dateStyle: "long", timeStyle: "short" });
  $("all").hidden = overAll || !batches[0]?.below;
  $("all").textContent = `${say("gallery")} ›`;
  $("language").textContent = say("language");
  $("language").lang = language === "zh" ? "en" : "zh-Hans";
  $("search").placeholder = say("search");
  $("search").setAttribute("aria-label", say("searchLabel"));
  $("height").setAttribute("aria-label", say("size"));
  $("keys").textContent = say("keys");
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = say(node.dataset.word);
  const scored = [...pictures.values()].some((p) => p.score !== undefined);
  $("sort").replaceChildren(...Object.keys(ORDERS).filter((name) => scored || name !== "score").map((name) =>
    el("option", { value: name, selected: name === order(), textContent: say(name) })));
  $("views").replaceChildren(...(gridAxes().length ? ["wall", "grid"] : []).map((name) => el("button", {
    type: "button", textContent: say(name === "wall" ? "pictures" : "grid"), "aria-pressed": String(view === name),
    data: { view: name }, onclick: () => { view = name; refresh(); },
  })));
  $("tools").hidden = pictures.size < 2;
  offerChoices(refresh);
  showProgress();
  show();
}

// How far the batch is. Nothing of it once it is done.
function showProgress() {
  const all = [...pictures.values()];
  const count = (state) => all.filter((p) => stateOf(p) === state).length;
  const done = count("done") + count("skipped"), failed = count("failed");
  const busy = batches.some(isUnfinished), running = count("running");
  const node = $("progress");
  node.hidden = overAll || !(busy || failed);
  const [good, bad] = node.querySelectorAll("i");
  good.style.width = `${done / all.length * 100}%`;
  bad.style.width = `${failed / all.length * 100}%`;
  const parts = [say("drawn", done, all.length)];
  if (failed) parts.push(say("failures", failed));
  const spans = all.filter((p) => p.seconds).map((p) => p.seconds).sort((a, b) => a - b);
  const quiet = (Date.now() - lastChange) / 1000;
  if (busy && !running) parts.push(say("stopped"));
  else if (busy && spans.length && quiet <= LOST) {
    const each = spans[spans.length >> 1] / running;
    parts.push(say("left", saySpan(each * (all.length - done - failed))), say("rate", Math.round(3600 / each)));
  }
  if (busy && quiet > LOST) parts.push(say("ago", saySpan(quiet)));
  node.querySelector("p").textContent = parts.join(" · ");
  const resume = (busy || failed) && !running && batches.length === 1;
  node.querySelector(".commands").replaceChildren(...(resume
    ? [commandNode("resume", command(`resume=${batches[0].place}`))] : []));
}

let lastChange = Date.now();
let pause = SOON;
let unread = false;  // the data could not be read
let alive = "";  // which batches someone draws

async function look() {
  let data;
  try {
    const parts = await load(`gallery-data.js?${Date.now()}`);  // over all, one of each batch
    data = { all: parts[0].all, batches: parts.flatMap((part) => part.batches) };
  } catch { /* said where there is nothing to show, else the next look may succeed */ }
  unread = data === undefined;
  const first = !pictures.size;
  const changed = data ? take(data) : new Set();
  if (first) lastChange = Math.max(0, ...[...pictures.values()].map((p) => (p.time ?? 0) * 1000)) || Date.now();
  else if (changed.size) lastChange = Date.now();
  lastChange = Math.max(lastChange, ...batches.map((batch) => (batch.alive ?? 0) * 1000));
  const before = alive;
  alive = batches.map(isAlive).join();
  if (changed.size || first || alive !== before) refresh(); else showProgress();
  if (opened !== null && changed.has(opened)) openPicture(opened);
  if (!batches.some(isUnfinished) && pictures.size) return;
  pause = changed.size ? SOON : Math.min(LATE, pause * 1.1);
  setTimeout(look, pause);
}

$("height").value = memory.get("height") ?? 200;
$("height").oninput = (event) => { memory.set("height", event.target.value); setHeight(Number(event.target.value)); };
$("search").oninput = (event) => { chosen.text = event.target.value; show(); };
$("sort").onchange = (event) => { chosen.sort = event.target.value; show(); };
$("tools").onsubmit = (event) => event.preventDefault();
$("language").onclick = () => {
  switchLanguage();
  refresh();
};
document.addEventListener("click", (event) => {
  const card = event.target.closest?.("a.card");
  if (!card || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openPicture(card.dataset.id);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.("input, select, textarea");
  const arrow = event.key.startsWith("Arrow");
  if (opened !== null) {
    if (typing) return;
    if (event.key === "ArrowLeft") go(-1);
    else if (event.key === "ArrowRight") go(1);
    return;
  }
  if (event.key === "/" && !typing) {
    event.preventDefault();
    $("search").focus();
    $("search").select();
  } else if (event.key === "Escape" && typing?.id === "search") {
    if ($("search").value) { chosen.text = $("search").value = ""; show(); } else typing.blur();
    event.preventDefault();
  } else if (arrow && (!typing || (typing.id === "search" && event.key === "ArrowDown"))) {
    event.preventDefault();
    move(event.key);
  }
});
window.addEventListener("hashchange", () => {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id !== opened && pictures.has(id)) openPicture(id);
});

look().then(() => {
  const id = decodeURIComponent(location.hash.slice(1));
  const [only] = isSingle() ? pictures.values() : [];
  if (pictures.has(id)) openPicture(id);
  else if (only?.file) openPicture(only.id);
});
