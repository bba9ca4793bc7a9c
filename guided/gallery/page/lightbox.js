// One picture, large, with everything about it. Arrow keys go on in the order of the wall.

import { plotNode, imageAt, scrubber, settingsNode, stepsOf } from "./making.js";
import { addressOf, describe, isSmall, pictures, stateOf } from "./pictures.js";
import { $, el, say, saySpan } from "./words.js";

export const lightbox = $("lightbox");
export let opened = null;  // id
let sequence = [];  // ids, as the wall shows them
let playing = null;  // the slider of the picture at hand

// What pages differ in: how the details of a picture are read, and what can be done with it.
// `within` are nodes of the page that stand in the dialog and stay.
export const hooks = { details: async () => null, actions: () => [], within: () => [] };

export function follow(found) { sequence = found.map((p) => p.id); }

export function openPicture(id) {
  const p = pictures.get(id);
  if (!p) return;
  opened = id;
  playing?.stop();
  const stage = el("div", { class: "stage" });
  const panel = el("div", { class: "panel" });
  const at = sequence.indexOf(id);
  lightbox.replaceChildren(
    stage, panel,
    el("nav", {},
      button("previous", "‹", () => go(-1), at <= 0),
      button("next", "›", () => go(1), at < 0 || at >= sequence.length - 1),
      button("close", "×", () => lightbox.close(), false)),
    ...hooks.within(),
  );
  lightbox.setAttribute("aria-label", describe(p));
  if (!lightbox.open) lightbox.showModal();
  lightbox.focus();  // the keys are for the picture, not for its first button
  panel.scrollTop = 0;
  remember(id);
  fillStage(stage, p);
  fillPanel(panel, p);
  hooks.details(p).then((making) => { if (making && opened === id) fillMaking(stage, panel, p, making); }, () => {});
}

export function button(name, text, action, disabled) {
  return el("button", { type: "button", class: name, textContent: text, title: say(name), "aria-label": say(name), onclick: action, disabled });
}

// Opens the next picture, or the one before; whether there is one.
export function go(by) {
  const next = sequence[sequence.indexOf(opened) + by];
  if (next !== undefined) openPicture(next);
  return next !== undefined;
}

function remember(id) {
  const address = id === null ? location.pathname + location.search : `#${encodeURIComponent(id)}`;
  try { history.replaceState(null, "", address); } catch { /* some browsers do not, on files */ }
}

lightbox.addEventListener("close", () => {
  if (lightbox.open) return;  // another picture has been opened since
  const id = opened;
  opened = null;
  playing?.stop();
  playing = null;
  lightbox.replaceChildren();
  remember(null);
  document.querySelector(`main:not([hidden]) .card[data-id="${CSS.escape(id)}"]`)?.focus();
});
lightbox.addEventListener("click", (event) => { if (event.target === lightbox) lightbox.close(); });

function fillStage(stage, p) {
  const source = addressOf.full(p) ?? addressOf.preview(p);
  if (source && p.state !== "failed") {
    const image = el("img", { alt: describe(p), src: source, class: isSmall(p) ? "pixels" : "" });
    const canvas = el("canvas", { hidden: true, role: "img" });
    stage.append(image, canvas);
  } else {
    stage.append(el("div", { class: `empty ${stateOf(p)}` }, el("b", { textContent: say(stateOf(p)) }),
      el("span", { textContent: p.why ?? "" })));
  }
}

function fillPanel(panel, p) {
  const facts = [
    ["number", p.number], ["state", p.state === "done" ? null : say(stateOf(p))],
    ["score", p.score?.toFixed(4)], ["seed", p.seed],
    ...["artist", "look", "model"].map((name) => [name, p[name]?.join(", ")]),
    ["size", p.size?.join(" × "), true], ["time", p.seconds && saySpan(p.seconds)],
    ...p.batch.axes.map((axis, k) => [axis.name, axis.values[p.at[k]]])
      .filter(([name]) => !["artist", "look", "model", "seed", "prompt", "negative"].includes(name)),
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  panel.append(
    el("p", { class: "prompt", textContent: p.prompt }),
    p.unwanted ? el("p", { class: "unwanted", textContent: say("unwanted", p.unwanted) }) : "",
    p.why ? el("p", { class: "why", textContent: p.why }) : "",
    p.video ? filmNode(p) : "",
    el("dl", {}, ...facts.flatMap(([name, value]) => [
      el("dt", { textContent: say(name === "size" ? "extent" : name) }), el("dd", { textContent: value })])),
    ...hooks.actions(p),
    el("div", { class: "making" }),
    el("p", { class: "files" },
      p.file ? el("a", { href: addressOf.full(p), textContent: say("open") }) : "",
      p.video ? el("a", { href: addressOf.video(p), textContent: say("video") }) : ""),
  );
}

export function linkNode(address, text) { return el("p", {}, el("a", { href: address, textContent: text })); }

// A player of the film. Browsers have one for MP4; an animated WebP or GIF is started and stopped
// by showing it or the finished picture.
function filmNode(p) {
  const film = addressOf.video(p), still = addressOf.full(p) ?? addressOf.thumb(p) ?? film;
  if (/\.mp4$/i.test(film)) {
    return el("video", { class: "film", controls: true, loop: true, muted: true, playsInline: true,
      preload: "metadata", src: film, "aria-label": say("video") });
  }
  const image = el("img", { class: `film ${isSmall(p) ? "pixels" : ""}`, alt: say("video"), src: still });
  const label = () => {
    const plays = image.getAttribute("src") === film;
    play.textContent = `${plays ? "❚❚" : "▶"} ${say("video")}`;
    play.setAttribute("aria-label", `${say(plays ? "pause" : "play")}: ${say("video")}`);
  };
  const play = el("button", { type: "button", class: "copy", onclick: () => {
    image.src = image.getAttribute("src") === film ? still : film;
    label();
  } });
  label();
  return el("div", { class: "player" }, image, play);
}

export function commandNode(name, text) {
  const copy = el("button", { type: "button", class: "copy", textContent: say("copy"), onclick: async () => {
    copy.textContent = await copied(text) ? say("copied") : say("copy");
    setTimeout(() => { copy.textContent = say("copy"); }, 1500);
  } });
  return el("div", { class: "command" }, el("span", { textContent: say(name) }),
    el("code", { tabIndex: 0, textContent: text }), copy);
}

export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {  // not offered to pages from disk by every browser: the old way
    const area = el("textarea", { value: text, readOnly: true, class: "unseen" });
    ([...document.querySelectorAll("dialog[open]")].pop() ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function fillMaking(stage, panel, p, making) {
  const place = panel.querySelector(".making");
  const image = stage.querySelector("img"), canvas = stage.querySelector("canvas");
  const steps = stepsOf(p, making);
  const total = Math.max(0, ...making.plots.map((plot) => plot.last), ...steps.map((s) => s.step));
  const plots = making.plots.map((plot) => plotNode(plot, (step) => playing?.to(step)));
  let wanted = null;
  async function paint(step) {
    wanted = step;
    for (const plot of plots) plot.mark(step?.step ?? null);
    const source = step && await imageAt(step.image);
    if (wanted !== step) return;  // the slider has gone on
    image.hidden = Boolean(source);
    canvas.hidden = !source;
    if (!source) return;
    const [x, y, width, height] = step.cut ?? [0, 0, source.naturalWidth, source.naturalHeight];
    Object.assign(canvas, { width, height });
    canvas.setAttribute("aria-label", say("step", step.step, total));
    canvas.getContext("2d").drawImage(source, x, y, width, height, 0, 0, width, height);
  }
  if (steps.length && image) {
    playing = scrubber(steps, total, paint);
    stage.append(playing);
  }
  if (plots.length) place.append(el("h3", { textContent: say("making") }), el("div", { class: "plots" }, ...plots));
  if (making.explained === true) place.append(linkNode(addressOf.explained(p), `${say("explained")} ›`));
  if (making.settings.length) place.append(settingsNode(making.settings));
}
