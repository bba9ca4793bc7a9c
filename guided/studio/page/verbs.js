// What can be done with a picture: the studio's part of the lightbox.

import { commandNode, go, hooks, lightbox, opened, openPicture } from "/shared/lightbox.js";
import { el, say } from "/shared/words.js";
import { forgetOne, inTrash, readOne } from "/page/collection.js";
import { chooseOther } from "/page/compare.js";
import { draw } from "/page/create.js";
import { replace, schema, set, draft } from "/page/draft.js";
import { openFew } from "/page/few.js";
import { icon } from "/page/icons.js";
import { textOf } from "/page/labels.js";
import { spark, STOPPED } from "/page/queue.js";
import { get, send } from "/page/server.js";
import { place, tellError, toast } from "/page/toasts.js";

const known = new Map();  // id -> details; they never change

async function detailsOf(id) {
  if (!known.has(id)) known.set(id, get(`/pictures/${encodeURIComponent(id)}`));
  try {
    return await known.get(id);
  } catch (error) {
    known.delete(id);
    throw error;
  }
}

export function openVerbs(refresh) {
  hooks.within = () => lightbox.contains(place) ? [place] : [];
  hooks.actions = (p) => [verbsOf(p, refresh), commandPlace(p)];
  hooks.details = async (p) => {
    const found = await detailsOf(p.id);
    return {
      settings: Object.entries(found.settings ?? {}).flatMap(([name, value]) => flat(name, value)),
      plots: plotsOf(found.curves), steps: (found.steps ?? []).map(({ step, url }) => [step, url]), strip: null,
    };
  };
}

function flat(name, value) {
  const nested = value && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length;
  return nested ? Object.entries(value).flatMap(([key, one]) => flat(`${name}.${key}`, one)) : [[name, value === null ? "" : textOf(value)]];
}

// The curves as the shared panel draws them.
function plotsOf(curves) {
  const { step = [], ...others } = curves ?? {};
  return Object.entries(others).flatMap(([name, values]) => Array.isArray(values) ? [[name, values]]
    : Object.entries(values ?? {}).map(([part, numbers]) => [`${name} ${part}`, numbers]))
    .map(([name, values]) => [name, values.map((value, k) => [step[k], value]).filter(([, value]) => Number.isFinite(value))])
    .filter(([, points]) => points.length > 1)
    .map(([name, points]) => ({
      name: name === "loss" ? "losses" : name, svg: new XMLSerializer().serializeToString(spark(points)), first: points[0][0],
      last: points[points.length - 1][0], end: points[points.length - 1][1],
    }));
}

// The command comes with the details.
function commandPlace(p) {
  const node = el("details", { class: "same" }, el("summary", { textContent: say("command") }));
  detailsOf(p.id).then((found) => { if (found.command) node.append(commandNode("", found.command)); }, () => {});
  return node;
}

function verbsOf(p, refresh) {
  if (inTrash) return el("div", { class: "verbs" }, verb("restore", "restore", () => restore(p, refresh)));
  const marked = p.mark.length > 0;
  const verbs = el("div", { class: "verbs" },
    verb("again", "again", () => draw({ from: p.id, seed: null }), say("againHint")),
    verb("vary", "vary", () => vary(p), say("varyHint")),
    verb("upscale", "enlarge", () => draw({ from: p.id, upscale: 2 })),
    verb("useInit", "init", () => take("init", `picture:${p.id}`)),
    schema.settings.has("image_prompt") ? verb("useLike", "image", () => take("image_prompt", [...draft.input.image_prompt ?? [], `picture:${p.id}`])) : "",
    verb("compare", "compare", () => { lightbox.close(); chooseOther(p); }),
    verb("favourite", "heart", () => favour(p, !marked), say(marked ? "unfavourite" : "favourite"), marked),
    el("a", { class: "verb", href: `/pictures/${encodeURIComponent(p.id)}/file?download=true`, download: "" },
      icon("download"), el("span", { textContent: say("download") })),
    verb("toTrash", "trash", () => discard(p, refresh)));
  offerResume(verbs, p).catch(() => {});  // then without it
  return verbs;
}

// Of a run that was stopped, or failed, the pictures that are not drawn yet can be.
async function offerResume(verbs, p) {
  if (!p.prediction) return;
  const path = `/predictions/${encodeURIComponent(p.prediction)}`;
  if (!STOPPED.includes((await get(path)).status)) return;
  const node = verb("resumeRun", "resume", () => {
    node.disabled = true;
    send("POST", `${path}/resume`).then(() => toast(say("queued")), tellError);
  }, say("resumeHint"));
  verbs.append(node);
}

function verb(word, image, action, hint = "", on = null) {
  const node = el("button", { type: "button", class: "verb", title: hint, data: { verb: word }, onclick: action },
    icon(image), el("span", { textContent: say(word) }));
  if (on !== null) node.setAttribute("aria-pressed", String(on));
  return node;
}

async function vary(p) {
  try {
    const { input, seed } = await detailsOf(p.id);
    replace(seed === undefined ? input : { seed, ...input, count: undefined });
    lightbox.close();
    window.scrollTo({ top: 0 });
    openFew(true, "seed");
  } catch (error) {
    tellError(error);
  }
}

function take(name, value) {
  set(name, value);
  lightbox.close();
  window.scrollTo({ top: 0 });
  openFew(true, name);
}

function favour(p, favourite) {
  send("POST", `/pictures/${encodeURIComponent(p.id)}/favourite`, { favourite })
    .then(() => readOne(p.id)).then(() => { if (opened === p.id) openPicture(p.id); }).catch(tellError);
}

async function discard(p, refresh) {
  try {
    await send("POST", `/pictures/${encodeURIComponent(p.id)}/trash`);
  } catch (error) {
    return tellError(error);
  }
  leave(p, refresh);
  toast(say("inTrash"), { word: "undo", run: () => restore(p, refresh) });
}

async function restore(p, refresh) {
  try {
    await send("POST", `/pictures/${encodeURIComponent(p.id)}/restore`);
    if (inTrash) leave(p, refresh);
    else {
      await readOne(p.id);
      refresh();
    }
    toast(say("restored"));
  } catch (error) {
    tellError(error);
  }
}

// Goes on to the next picture, or back to the wall.
function leave(p, refresh) {
  if (lightbox.open && !go(1) && !go(-1)) lightbox.close();
  known.delete(p.id);
  forgetOne(p.id);
  refresh();
}
