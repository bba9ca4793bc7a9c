// The wall: every picture in its own shape, in rows of one height. Only rows near the window are in
// the document, so that thousands of pictures cost no more than those that are seen.

import { addressOf, caption, describe, isSmall, overAll, pictures, shape, stateOf } from "./pictures.js";
import { order } from "./filters.js";
import { $, el, language, say } from "./words.js";

const ZOOMED = 260;  // pixels of height, above which thumbnails would be soft
const CAPTION = 27, HEADING = 46;  // pixels of height
const LOOSE = 1.35;  // how much higher than asked a row may be, to fill the width
const SPARE = 1.5;  // windows above and below the one that is seen
const cards = new Map();  // id -> element
let hung = [];  // pictures
let rows = [];  // {top, height, heading} or {top, height, boxes: [{p, left, width}]}, from the top

function cardOf(p) {
  let card = cards.get(p.id);
  if (card?.stamp === p.stamp + stateOf(p) && card.language === language) return card;
  const fresh = makeCard(p);
  if (card?.isConnected) card.replaceWith(fresh);
  cards.set(p.id, fresh);
  return fresh;
}

export function makeCard(p) {
  const score = p.score === undefined ? null : el("span", { class: "score", textContent: p.score.toFixed(3) });
  const card = el("a", { class: `card ${stateOf(p)}`, href: `#${encodeURIComponent(p.id)}`, data: { id: p.id } },
    frameOf(p),
    el("span", { class: "caption" }, el("span", { class: "text", textContent: caption(p) }), score),
  );
  card.style.setProperty("--shape", shape(p).toFixed(4));
  card.stamp = p.stamp + stateOf(p);
  card.language = language;
  return card;
}

function frameOf(p) {
  const frame = el("span", { class: "frame" });
  const source = addressOf.thumb(p) ?? addressOf.preview(p);
  if (source) {
    frame.append(el("img", {
      loading: "lazy", decoding: "async", alt: describe(p), src: source, class: isSmall(p) ? "pixels" : "",
      onerror: (event) => event.target.remove(),
    }));
  }
  if (p.state !== "done") {
    frame.append(el("span", { class: "state" },
      el("b", { textContent: say(stateOf(p)) }), p.why ? el("span", { textContent: p.why }) : null));
  }
  return frame;
}

export function hang(found) {
  hung = found;
  for (const [id, card] of cards) if (!pictures.has(id)) { card.remove(); cards.delete(id); }
  place();
}

// Rows for the pictures at the present width; what is seen stays where it is.
function place() {
  const wall = $("wall");
  if (!wall.clientWidth) return;  // hidden
  const anchor = window.scrollY > 0 ? firstSeen() : null;
  rows = laid(wall.clientWidth);
  const last = rows[rows.length - 1];
  wall.style.height = `${last ? last.top + last.height : 0}px`;
  const moved = anchor && rows.find((row) => row.boxes?.some(({ p }) => p.id === anchor.id));
  if (moved && moved.top !== anchor.top) window.scrollBy(0, moved.top - anchor.top);
  draw();
}

function firstSeen() {
  const top = seenFrom();
  const row = rows.find((one) => one.boxes && one.top + one.height > top);
  return row ? { id: row.boxes[0].p.id, top: row.top } : null;
}

function seenFrom() { return -$("wall").getBoundingClientRect().top; }

function laid(width) {
  const narrow = window.innerWidth <= 720;
  const gap = narrow ? 8 : 14, below = narrow ? 12 : 18;
  const high = heightOfRows(narrow);
  const shapes = new Set(hung.map((p) => shape(p).toFixed(4)));
  const fill = shapes.size === 1 ? columns : justified;
  const made = [];
  let top = 0;
  for (const { heading, group } of groups()) {
    if (heading) {
      made.push({ top, height: HEADING, heading });
      top += HEADING;
    }
    for (const { boxes, tall } of fill(group, width, high, gap)) {
      const height = tall + CAPTION + below;
      made.push({ top, height, boxes });
      top += height;
    }
  }
  return made;
}

function heightOfRows(narrow) {
  if (document.body.classList.contains("single")) return Math.min(0.72 * window.innerHeight, 0.6 * window.innerWidth);
  return rowHeight * (narrow ? 0.78 : 1);
}

// Over all batches each day has a heading.
function groups() {
  if (!overAll || order() !== "number") return [{ heading: "", group: hung }];
  const found = [];
  for (const p of hung) {
    const heading = dayOf(p);
    if (found[found.length - 1]?.heading !== heading) found.push({ heading, group: [] });
    found[found.length - 1].group.push(p);
  }
  return found;
}

// Where all have one shape they also stand below each other.
function columns(group, width, high, gap) {
  if (!group.length) return [];
  const ratio = shape(group[0]);
  const count = Math.max(1, Math.floor((width + gap) / (Math.min(width, ratio * high * 0.9) + gap)));
  const each = (width - gap * (count - 1)) / count;
  const made = [];
  for (let k = 0; k < group.length; k += count) {
    made.push({
      tall: each / ratio,
      boxes: group.slice(k, k + count).map((p, column) => ({ p, left: column * (each + gap), width: each })),
    });
  }
  return made;
}

// Rows that fill the width, each as high as its shapes need; the last keeps its height.
function justified(group, width, high, gap) {
  const made = [];
  let row = [], sum = 0;
  const finish = (tall) => {
    let left = 0;
    const boxes = row.map((p) => {
      const box = { p, left, width: shape(p) * tall };
      left += box.width + gap;
      return box;
    });
    made.push({ tall, boxes });
    [row, sum] = [[], 0];
  };
  for (const p of group) {
    row.push(p);
    sum += shape(p);
    const room = width - gap * (row.length - 1);
    if (sum * high >= room) finish(Math.min(room / sum, high * LOOSE));
  }
  if (row.length) finish(Math.min(high, (width - gap * (row.length - 1)) / sum));
  return made;
}

// Puts the rows near the window into the document, and takes the others out.
function draw() {
  const wall = $("wall");
  const from = seenFrom() - SPARE * window.innerHeight;
  const to = seenFrom() + (1 + SPARE) * window.innerHeight;
  const near = [];
  for (let k = firstBelow(from); k < rows.length && rows[k].top < to; k++) near.push(...nodesOf(rows[k]));
  const wanted = new Set(near);
  for (const child of [...wall.children]) {
    if (!wanted.has(child) && child !== document.activeElement) child.remove();
  }
  let next = wall.firstElementChild;
  for (const node of near) {
    while (next && !wanted.has(next)) next = next.nextElementSibling;  // has the focus
    if (node === next) next = next.nextElementSibling;
    else wall.insertBefore(node, next);
  }
}

function firstBelow(position) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height < position) low = middle + 1; else high = middle;
  }
  return low;
}

function nodesOf(row) {
  if (row.heading !== undefined) {
    row.node ??= el("h2", { textContent: row.heading });
    row.node.style.top = `${row.top}px`;
    return [row.node];
  }
  return row.boxes.map(({ p, left, width }) => {
    const card = cardOf(p);
    Object.assign(card.style, { left: `${left}px`, top: `${row.top}px`, width: `${width}px` });
    sharpen(card, p);
    return card;
  });
}

function sharpen(card, p) {
  const image = card.querySelector("img");
  if (!p.size || !image) return;
  const large = rowHeight > ZOOMED || document.body.classList.contains("single");
  const source = large ? addressOf.full(p) : addressOf.thumb(p);
  if (source && image.getAttribute("src") !== source) image.src = source;
}

const days = new Map();  // time -> its day, in `days.language`: formatting is slow

function dayOf({ batch }) {
  if (days.language !== language) {
    days.clear();
    days.language = language;
    days.format = new Intl.DateTimeFormat(language, { dateStyle: "full" });
  }
  if (!days.has(batch.made)) {
    const date = new Date(batch.made ?? NaN);
    days.set(batch.made, isNaN(date) ? "" : days.format.format(date));
  }
  return days.get(batch.made);
}

let rowHeight = 200;

export function setHeight(height) {
  rowHeight = height;
  document.documentElement.style.setProperty("--row", `${height}px`);
  place();
}

let waits = false;
window.addEventListener("scroll", () => {
  if (waits) return;
  waits = true;
  requestAnimationFrame(() => { waits = false; draw(); });
}, { passive: true });
new ResizeObserver(place).observe($("wall"));
window.addEventListener("beforeprint", () => { for (const row of rows) $("wall").append(...nodesOf(row)); });

// Arrow keys: along the row, and to the nearest in the row above or below.
export function move(key) {
  const all = [...document.querySelectorAll("main:not([hidden]) .card")];
  const at = all.indexOf(document.activeElement);
  if (at < 0) return all[0]?.focus();
  if (key === "ArrowRight") return all[at + 1]?.focus();
  if (key === "ArrowLeft") return all[at - 1]?.focus();
  const here = all[at].getBoundingClientRect();
  const middle = here.left + here.width / 2;
  const down = key === "ArrowDown";
  let best = null, least = Infinity;
  for (const card of down ? all.slice(at + 1) : all.slice(0, at).reverse()) {
    const box = card.getBoundingClientRect();
    const rows = Math.abs(box.top - here.top);
    if (rows < 2) continue;
    if (rows > here.height * 3 && best) break;
    const far = rows * 4 + Math.abs(box.left + box.width / 2 - middle);
    if (far < least) { least = far; best = card; }
  }
  best?.focus();
}
