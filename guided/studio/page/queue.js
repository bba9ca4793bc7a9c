// The queue: what is drawn, with its previews and curves, what waits, and what has stopped.

import { pictures } from "/shared/pictures.js";
import { $, el, language, memory, say, saySpan } from "/shared/words.js";
import { icon } from "/page/icons.js";
import { textOf } from "/page/labels.js";
import { get, send } from "/page/server.js";
import { tellError } from "/page/toasts.js";

export const STOPPED = ["failed", "canceled"];
const OPEN = ["starting", "processing"];
const SHOWN = 6;  // waiting predictions that are listed
const OFTEN = 500;  // milliseconds between two looks at what is drawn, however fast its steps are
const TOGETHER = 100;  // milliseconds in which the events of a step come
const items = new Map();  // id -> prediction, in the order of the queue
const curves = new Map();  // id -> {picture, points: [[step, similarity]]}
const nodes = new Map();  // id -> what is shown of it, in one language
const kept = new Map();  // name -> {text, node}: the other parts of the queue, in one language
const moved = new Set();  // ids whose nodes are to be filled anew
const asked = new Set();  // ids of predictions whose views this page has asked for
let news = 0;  // events that change the queue
let paused = false;
let begins = false;  // the process that draws is being started
let spoken = language;  // of the nodes
let unfolded = false;  // all waiting ones are listed
let dragged = null;  // the row of a waiting one that is being dragged; no row is replaced meanwhile

const dismissed = new Set(JSON.parse(memory.get("studio-dismissed") ?? "[]"));

export async function readQueue(tries = 3) {
  const before = news;
  const [queue, recent] = await Promise.all([get("/queue"), get("/predictions?limit=20")]);
  if (news !== before && tries) return readQueue(tries - 1);  // an event may be newer than the answer
  paused = queue.paused;
  begins = queue.workers.length > 0 && queue.workers.every(({ state }) => state === "starting");
  items.clear();
  for (const item of queue.items) items.set(item.id, item);
  for (const item of recent.results) if (STOPPED.includes(item.status) && !items.has(item.id)) items.set(item.id, item);
  showQueue();
}

// What events say.
export const queueEvents = {
  state(item) {
    news++;
    if (OPEN.includes(item.status)) dismissed.delete(item.id);
    if (OPEN.includes(item.status) || STOPPED.includes(item.status)) items.set(item.id, { ...items.get(item.id), ...item });
    else items.delete(item.id);
    showQueue();
  },
  progress(told) { update(told.prediction, { ...told, progress: told.progress, told: Date.now() }); },
  preview(told) { update(told.prediction, { preview: told.url }); },
  metrics(told) {
    if (!items.has(told.prediction) || typeof told.similarity !== "number") return;
    if (curves.get(told.prediction)?.picture !== told.picture) curves.set(told.prediction, { picture: told.picture, points: [] });
    curves.get(told.prediction).points.push([told.step, told.similarity]);
    refresh(told.prediction);
  },
  log(told) {
    const item = items.get(told.prediction);
    if (item) update(told.prediction, { logs: [...(item.logs ?? []), told.text] });
  },
  queue(found) {
    news++;
    paused = found.paused;
    const ordered = found.order.map((id) => items.get(id)).filter(Boolean);
    for (const item of ordered) items.delete(item.id);
    const running = [...items.values()].filter((item) => item.status === "processing");
    const others = [...items.values()].filter((item) => item.status !== "processing");
    items.clear();
    for (const item of [...running, ...ordered, ...others]) items.set(item.id, item);
    showQueue();
  },
  worker({ state }) {
    begins = state === "starting";
    if (waiting().length) showQueue();
  },
  views(told) {
    if (asked.delete(told.prediction)) openSight(say("views"), el("img", { src: told.url, alt: say("views") }));
  },
};

function update(id, values) {
  if (!items.has(id)) return;
  items.set(id, { ...items.get(id), ...values });
  refresh(id);
}

const isDrawn = (item) => item.status === "processing" || (item.status === "starting" && item.position === null);
const isWaiting = (item) => item.status === "starting" && item.position !== null;
const waiting = () => [...items.values()].filter(isWaiting);

export function showQueue() {
  if (dragged) return;
  const drawn = [...items.values()].filter(isDrawn), wait = waiting();
  const stopped = [...items.values()].filter((item) => STOPPED.includes(item.status) && !dismissed.has(item.id));
  $("queue").hidden = !(drawn.length + wait.length + stopped.length);
  $("queue").setAttribute("aria-label", say("queue"));
  for (const id of nodes.keys()) if (!items.has(id) || spoken !== language) nodes.delete(id);
  if (spoken !== language) kept.clear();
  spoken = language;
  const focused = document.activeElement?.dataset?.verb && document.activeElement.closest("[data-id]")?.dataset.id;
  const verb = document.activeElement?.dataset?.verb;
  const lists = keep("lists", [], () => el("div", { class: "lists" }));
  setChildren(lists, [...drawn.map(nodeOf), ...(wait.length ? [waitingList(wait)] : [])]);
  const begun = begins && !drawn.length;
  setChildren($("queue"), [
    ...(drawn.length || wait.length ? [keep("head", [wait.length, begun, paused], () => headOf(wait.length, begun))] : []),
    lists, ...stopped.map((item) => keep(item.id, [item.status, titleOf(item), item.error], () => stoppedRow(item)))]);
  if (focused) $("queue").querySelector(`[data-id="${CSS.escape(focused)}"] [data-verb="${verb}"]`)?.focus();
}

// A node as it was, unless what it depends on has changed: one that is replaced while its button is pressed
// would lose the click.
function keep(name, state, make) {
  const text = JSON.stringify(state);
  if (kept.get(name)?.text !== text) kept.set(name, { text, node: make() });
  return kept.get(name).node;
}

// As replaceChildren, but those that are there already are left where they are.
function setChildren(parent, children) {
  for (const node of [...parent.childNodes]) if (!children.includes(node)) node.remove();
  children.forEach((node, k) => { if (parent.childNodes[k] !== node) parent.insertBefore(node, parent.childNodes[k] ?? null); });
}

function headOf(count, begun) {
  return el("p", { class: "head" },
    el("span", { textContent: [say("queue"), count ? say("inQueue", count) : "", begun ? say("starting") : "", paused ? say("paused") : ""].filter(Boolean).join(" · ") }),
    el("button", {
      type: "button", class: "quiet", textContent: say(paused ? "goOn" : "pauseQueue"), data: { verb: "pause" },
      onclick: () => send("POST", "/queue", { paused: !paused }).catch(tellError),
    }));
}

// What is drawn: its prompt, or that of the picture which is drawn again, or of its regions.
function titleOf({ input }) {
  const again = pictures.get(input.from)?.prompt;
  const regions = [input.regions ?? []].flat().map(({ prompt }) => prompt).filter(Boolean);
  return textOf(input.prompt ?? again ?? (regions.length ? regions : say(input.from ? "again" : "imageChip")));
}

// A prediction that is being drawn. Its node stays, and only what has changed is replaced.
function nodeOf(item) {
  let node = nodes.get(item.id);
  if (!node) {
    const parts = {
      image: el("img", { alt: "", hidden: true }), bar: el("progress", { max: 1, value: 0, "aria-label": say("progressOf", titleOf(item)) }),
      told: el("p", { class: "told" }), curve: el("div", { class: "curve" }), logs: el("p", { class: "soft" }),
    };
    node = el("article", { class: "drawing", data: { id: item.id } },
      el("div", { class: "preview" }, parts.image),
      el("div", { class: "about" },
        el("p", { class: "prompt", title: item.command, textContent: titleOf(item) }), parts.told, parts.bar, parts.curve, parts.logs,
        el("p", { class: "verbs" },
          verbButton("stop", () => cancel(item.id)),
          verbButton("views", () => {
            asked.add(item.id);
            send("POST", `/predictions/${item.id}/views`).catch(tellError);
          }))));
    node.parts = parts;
    nodes.set(item.id, node);
  }
  fill(node, item);
  showPreview(node, item);
  return node;
}

function verbButton(word, action) {
  return el("button", { type: "button", class: "quiet", textContent: say(word), data: { verb: word }, onclick: action });
}

let timer = 0, refreshed = 0;
function refresh(id) {
  moved.add(id);
  timer ||= setTimeout(refreshMoved, Math.max(TOGETHER, refreshed + OFTEN - Date.now()));
}

// Nothing is done on a page that nobody sees.
function refreshMoved() {
  timer = 0;
  refreshed = Date.now();
  if (document.hidden) return;
  for (const id of moved) {
    const node = nodes.get(id), item = items.get(id);
    if (node?.isConnected && item) showPreview(node, item).then(() => { fill(node, items.get(id) ?? item); });
    else if (item && isDrawn(item)) showQueue();
  }
  moved.clear();
}

document.addEventListener("visibilitychange", refreshMoved);

// Shows the newest preview when it is decoded, so that it and the numbers of its step are painted at once.
async function showPreview(node, { preview }) {
  if (!preview || node.preview === preview) return;
  node.preview = preview;
  const number = node.asked = (node.asked ?? 0) + 1;
  const image = el("img", { alt: "", src: preview });
  try { await image.decode(); } catch { return; }  // it is gone, and a newer one will come
  if (number < (node.shown ?? 0)) return;  // a newer one was decoded sooner
  node.shown = number;
  node.parts.image.replaceWith(image);
  node.parts.image = image;
}

// Changes what is not so yet: each change is painted.
function fill({ parts }, item) {
  parts.bar.value = item.progress ?? 0;
  write(parts.told, toldOf(item));
  write(parts.logs, (item.logs?.[item.logs.length - 1] ?? "").replace(/^WARNING:? /, ""));
  const points = curves.get(item.id)?.points ?? [], last = points.at(-1);
  if (points.length < 2 || parts.last === last) return;
  parts.last = last;
  parts.curve.replaceChildren(spark(points), el("b", { textContent: last[1].toFixed(3) }));
}

function write(node, text) { if (node.textContent !== text) node.textContent = text; }

function toldOf(item) {
  if (item.status === "starting") return say("starting");
  const parts = [];
  if (item.count > 1) parts.push(say(item.input.animate ? "nthFrame" : "nth", (item.picture ?? 0) + 1, item.count));
  if (item.step !== null && item.step !== undefined) parts.push(say("stepOf", item.step, item.steps));
  const left = item.seconds_left === null || item.seconds_left === undefined ? null
    : item.seconds_left - (Date.now() - (item.told ?? Date.now())) / 1000;
  const rounded = left > 15 ? 5 * Math.round(left / 5) : Math.max(1, left);  // each other text is painted
  if (left !== null && !paused) parts.push(say("remaining", saySpan(rounded)));
  return parts.join(" · ");
}

// Time goes by between two steps, too.
export function tick() {
  if (document.hidden) return;
  for (const [id, node] of nodes) if (node.isConnected) refresh(id);
}

export function spark(points) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const [low, high] = [Math.min, Math.max].map((pick) => pick(...points.map(([, value]) => value)));
  const last = points[points.length - 1][0], first = points[0][0];
  line.setAttribute("points", points.map(([step, value]) =>
    `${((step - first) / Math.max(1, last - first) * 200).toFixed(1)},${(36 - (value - low) / (high - low || 1) * 32).toFixed(1)}`).join(" "));
  const look = { fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-linejoin": "round", "vector-effect": "non-scaling-stroke" };
  for (const [name, value] of Object.entries(look)) line.setAttribute(name, value);
  svg.setAttribute("viewBox", "0 0 200 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", say("curve", points[points.length - 1][1].toFixed(3)));
  svg.append(line);
  return svg;
}

function waitingList(wait) {
  const listed = unfolded ? wait : wait.slice(0, SHOWN), others = wait.length - listed.length;
  const rows = keep("rows", [], () => dragRows(el("ol", { class: "waiting" })));
  setChildren(rows, listed.map((item, k) => waitingRow(item, k, wait.length)));
  const node = keep("waiting", [], () => el("div"));
  setChildren(node, others ? [rows, keep("more", [others], () => el("button", {
    type: "button", class: "quiet", textContent: say("more", others),
    onclick: () => { unfolded = true; showQueue(); },
  }))] : [rows]);
  return node;
}

function waitingRow(item, k, count) {
  const row = keep(item.id, [titleOf(item), item.command, item.count], () => el("li", { data: { id: item.id } },
    el("span", { class: "place" }, el("b"), icon("grip")),
    el("span", { class: "text", title: item.command, textContent: titleOf(item) }),
    el("span", { class: "soft", textContent: item.count > 1 ? say("countChip", item.count) : "" }),
    iconButton("sooner", "up", () => reorder(item.id, -1)),
    iconButton("later", "down", () => reorder(item.id, 1)),
    iconButton("cancel", "close", () => cancel(item.id))));
  row.firstChild.title = count > 1 ? say("drag") : "";
  write(row.querySelector("b"), String(k + 1));
  row.querySelector("[data-verb=sooner]").disabled = k === 0;
  row.querySelector("[data-verb=later]").disabled = k === count - 1;
  return row;
}

function iconButton(word, image, action) {
  return el("button", { type: "button", class: "round", title: say(word), "aria-label": say(word), data: { verb: word }, onclick: action }, icon(image));
}

// Rows are dragged by their numbers, with a mouse or a finger.
function dragRows(rows) {
  rows.onpointerdown = (event) => {
    if (!event.target.closest(".place") || event.button) return;
    event.preventDefault();
    dragged = event.target.closest("li");
    dragged.classList.add("dragged");
    rows.setPointerCapture(event.pointerId);
  };
  rows.onpointermove = (event) => {
    if (!dragged) return;
    const others = [...rows.children].filter((row) => row !== dragged);
    const below = others.find((row) => { const box = row.getBoundingClientRect(); return event.clientY < box.top + box.height / 2; });
    if (dragged.nextElementSibling !== (below ?? null)) rows.insertBefore(dragged, below ?? null);
  };
  rows.onpointerup = rows.onpointercancel = (event) => {
    if (!dragged) return;
    const order = [...rows.children].map((row) => row.dataset.id);
    const moved = event.type === "pointerup" && waiting().slice(0, order.length).some((item, k) => item.id !== order[k]);
    dragged.classList.remove("dragged");
    dragged = null;
    if (moved) arrange([...order, ...waiting().map((item) => item.id).filter((id) => !order.includes(id))]);
    else showQueue();
  };
  return rows;
}

function reorder(id, by) {
  const order = waiting().map((item) => item.id);
  const at = order.indexOf(id);
  order.splice(at, 1);
  order.splice(at + by, 0, id);
  arrange(order);
}

function arrange(order) {
  queueEvents.queue({ paused, order });  // at once, and as the server has it when it answers
  send("POST", "/queue", { order }).then((queue) => {
    queueEvents.queue({ paused: queue.paused, order: queue.items.map((item) => item.id) });
  }).catch((error) => { tellError(error); readQueue().catch(() => {}); });
}

function cancel(id) { send("POST", `/predictions/${id}/cancel`).then(queueEvents.state).catch(tellError); }

function stoppedRow(item) {
  return el("article", { class: `stopped ${item.status}`, data: { id: item.id } },
    el("p", {}, el("b", { textContent: say(item.status) }), " ", el("span", { class: "text", textContent: titleOf(item) }),
      item.error ? el("span", { class: "why", textContent: item.error }) : ""),
    verbButton("resumeRun", () => send("POST", `/predictions/${item.id}/resume`).then(queueEvents.state).catch(tellError)),
    verbButton("dismiss", () => {
      dismissed.add(item.id);
      memory.set("studio-dismissed", JSON.stringify([...dismissed].slice(-200)));
      showQueue();
    }));
}

export function openSight(title, content) {
  const dialog = $("sight");
  dialog.setAttribute("aria-label", title);
  dialog.replaceChildren(el("h2", { textContent: title }), content,
    // It has the focus, so that Esc closes what a frame shows, too.
    el("p", { class: "ends" }, el("button", { type: "button", autofocus: true, textContent: say("close"), onclick: () => dialog.close() })));
  if (!dialog.open) dialog.showModal();
}
