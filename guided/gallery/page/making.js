// How a picture came about: its steps under a slider, the curves, every setting.

import { addressOf } from "./pictures.js";
import { el, say } from "./words.js";

// The steps of a picture: previews, or the tiles of a strip. Each draws itself onto the stage.
export function stepsOf(p, making) {
  if (making.steps.length > 1) {
    return making.steps.map(([step, file]) => ({ step, image: addressOf.step(p, file) }));
  }
  const strip = making.strip;
  return (strip?.at ?? []).map((step, k) => ({
    step, image: addressOf.step(p, strip.file),
    cut: [strip.gap + k * (strip.width + strip.gap), strip.gap, strip.width, strip.height],
  }));
}

const loaded = new Map();  // address -> promise of an image; a slider moves faster than a disk
export function imageAt(address) {
  if (!loaded.has(address)) {
    if (loaded.size > 300) loaded.clear();
    loaded.set(address, new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = () => resolve(null);
      image.src = address;
    }));
  }
  return loaded.get(address);
}

// A slider over the steps; `paint` shows one, or null for the finished picture.
export function scrubber(steps, total, paint) {
  const end = steps.length;
  const told = el("output", {});
  const slider = el("input", {
    type: "range", min: 0, max: end, value: end, "aria-label": say("scrub"), class: "scrub",
    oninput: () => { stop(); to(Number(slider.value)); },
  });
  let playing = 0;
  const button = el("button", {
    type: "button", class: "play", onclick: () => playing ? stop() : play(),
  });
  function to(k) {
    const step = steps[k] ?? null;
    slider.value = k;
    told.textContent = step ? say("step", step.step, total) : say("finished");
    slider.setAttribute("aria-valuetext", told.textContent);
    paint(step);
  }
  function play() {
    let k = Number(slider.value) >= end ? 0 : Number(slider.value);
    playing = setInterval(() => { to(k); if (k++ >= end) stop(); }, Math.min(160, 4000 / end));
    label();
  }
  function stop() { clearInterval(playing); playing = 0; label(); }
  function label() {
    button.textContent = playing ? "❚❚" : "▶";
    button.setAttribute("aria-label", say(playing ? "pause" : "play"));
  }
  label();
  to(end);
  const node = el("div", { class: "scrubber" }, button, slider, told);
  node.stop = stop;
  node.to = (step) => {  // the nearest to a step of the run
    stop();
    const far = (k) => Math.abs((steps[k]?.step ?? total) - step);
    to(steps.map((_, k) => k).reduce((best, k) => far(k) < far(best) ? k : best, 0));
  };
  return node;
}

// Only what a curve is made of: the file may have come with a folder from elsewhere.
function curveNode(svg) {
  const found = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  if (found.localName !== "svg") return "";
  for (const node of found.querySelectorAll(":not(polyline)")) node.remove();
  for (const node of [found, ...found.children]) {
    for (const { name } of [...node.attributes]) if (/^on|href$|^style$/i.test(name)) node.removeAttribute(name);
  }
  return document.importNode(found, true);
}

export function plotNode(plot, pick) {
  const mark = el("i", { class: "mark", hidden: true });
  const box = el("div", { class: "plot" }, curveNode(plot.svg), mark);
  const [, name, rest] = /^(\w+) ?(.*)$/s.exec(plot.name) ?? ["", plot.name, ""];
  const span = Math.max(plot.last - plot.first, 1);
  box.onclick = (event) => {
    const at = (event.clientX - box.getBoundingClientRect().left) / box.clientWidth;
    pick(Math.round(plot.first + at * span));
  };
  const figure = el("figure", {},
    el("figcaption", {}, el("span", { textContent: say(name, rest) }), el("b", { textContent: plain(plot.end) })), box);
  figure.mark = (step) => {
    mark.hidden = step === null;
    mark.style.left = `${(step - plot.first) / span * 100}%`;
  };
  return figure;
}

function plain(number) { return String(Number(number.toPrecision(4))); }

export function settingsNode(settings) {
  const rows = settings.map(([key, value]) => el("tr", {},
    el("th", { scope: "row", textContent: key }), el("td", { textContent: value })));
  const search = el("input", {
    type: "search", placeholder: say("filter"), "aria-label": say("filter"), spellcheck: false,
    oninput: () => {
      const text = search.value.toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(text);
    },
  });
  return el("details", {}, el("summary", { textContent: `${say("settings")} (${settings.length})` }),
    search, el("table", { class: "settings" }, el("tbody", {}, ...rows)));
}
