// The wall: every picture in its own shape, in rows of one height; cards are made once and kept.

const cards = new Map();  // id -> element
const ZOOMED = 260;  // pixels of height, above which thumbnails would be soft

function cardOf(p) {
  let card = cards.get(p.id);
  if (card?.stamp === p.stamp + stateOf(p) && card.language === language) return card;
  const fresh = makeCard(p);
  if (card?.isConnected) card.replaceWith(fresh);
  cards.set(p.id, fresh);
  return fresh;
}

function makeCard(p) {
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

function hang(found) {
  const wall = $("wall");
  // Where all have one shape they also stand below each other.
  const shapes = new Set(found.map((p) => shape(p).toFixed(4)));
  wall.classList.toggle("even", shapes.size === 1);
  wall.style.setProperty("--shape", [...shapes][0] ?? 1);
  const children = [];
  let day = null;
  for (const p of found) {
    if (overAll && order() === "number" && day !== (day = dayOf(p))) {
      children.push(el("h2", { textContent: day }));
    }
    children.push(cardOf(p));
  }
  for (const [id, card] of cards) if (!pictures.has(id)) { card.remove(); cards.delete(id); }
  // Only where something moved: a picture that comes in must not disturb the others.
  const same = wall.childElementCount === children.length &&
    children.every((child, k) => wall.children[k] === child);
  if (!same) wall.replaceChildren(...children);
}

function dayOf(p) {
  const date = new Date(p.batch.made ?? NaN);
  if (isNaN(date)) return "";
  return date.toLocaleDateString(language, { weekday: "long", year: "numeric", month: "long", day: "numeric" });
}

function setHeight(height) {
  document.documentElement.style.setProperty("--row", `${height}px`);
  for (const [id, card] of cards) {
    const p = pictures.get(id), image = card.querySelector("img");
    if (!p?.size || !image) continue;
    const large = height > ZOOMED || document.body.classList.contains("single");
    const source = large ? addressOf.full(p) : addressOf.thumb(p);
    if (image.getAttribute("src") !== source) image.src = source;
  }
}

// Arrow keys: along the row, and to the nearest in the row above or below.
function move(key) {
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
