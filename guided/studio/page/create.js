// The prompt bar, all that will be sent, and the estimate.

import { commandNode } from "/shared/lightbox.js";
import { pictures } from "/shared/pictures.js";
import { $, el, language, say, saySpan } from "/shared/words.js";
import { check, draft, hasSubject, replace, schema, set, valueOf, watch } from "/page/draft.js";
import { openFew, refreshFew } from "/page/few.js";
import { openForm } from "/page/form.js";
import { icon } from "/page/icons.js";
import { addressOfImage, attach } from "/page/init.js";
import { chipText, enlargedText, textOf } from "/page/labels.js";
import { predict } from "/page/server.js";
import { tellError, toast } from "/page/toasts.js";

export function openCreate() {
  $("prompt").oninput = () => { set("prompt", $("prompt").value); };
  $("create").onsubmit = (event) => { event.preventDefault(); draw(); };
  $("attach").onclick = () => $("file").click();
  $("file").onchange = () => { attachShown($("file").files[0]); $("file").value = ""; };
  $("adjust").onclick = () => openFew($("few").hidden);
  watch(refreshCreate);
}

// Uploads a picture and starts from it, with its settings in view.
export async function attachShown(file) {
  if (await attach(file)) openFew(true, "init");
}

// Queues what the page shows; the input stays, to go on from.
export async function draw(input = draft.input) {
  if (input === draft.input && !hasSubject()) return $("prompt").focus();
  if (input === draft.input) openFew(false);
  try {
    await predict(input);
    if (document.querySelector("dialog[open]")) toast(say("queued"));  // else the queue shows it
  } catch (error) {
    tellError(error);
  }
}

export function refreshCreate() {
  const prompt = $("prompt"), text = draft.input.prompt ?? "";
  prompt.readOnly = typeof text !== "string";  // a list of prompts, which the form has
  const shown = typeof text === "string" ? text : textOf(text);
  if (prompt.value !== shown) prompt.value = shown;
  prompt.placeholder = say("promptHint");
  prompt.setAttribute("aria-label", say("promptLabel"));
  for (const [id, word, image] of [["attach", "attach", "image"], ["adjust", "adjust", "sliders"]]) {
    $(id).replaceChildren(icon(image));
    $(id).title = say(word);
    $(id).setAttribute("aria-label", say(word));
  }
  $("draw").textContent = say("draw");
  $("draw").title = say("drawKeys");
  $("adjust").setAttribute("aria-expanded", String(!$("few").hidden));
  showChips();
  showEstimate();
  refreshFew();
}

let shownState = "";  // all that the chips depend on

// A chip for each setting that is sent, and soft ones for what is used without being set.
function showChips() {
  const sent = Object.keys(draft.input).filter((name) => name !== "prompt");
  const usual = ["model", "size", "steps", "count", "seed"].filter((name) => !(name in draft.input) && schema.settings.has(name) && !(name === "count" && draft.input.animate));
  const film = Object.entries(check.answer?.film ?? {}).filter(([name]) => !(name in draft.input));
  const texts = [...usual.map(usualText), ...film.map(([name, value]) => chipText(name, value))].filter(Boolean);
  const { prompt, ...rest } = draft.input;
  const state = JSON.stringify([rest, texts, check.error?.setting, language, pictures.size > 0]);
  if (state === shownState) return;
  shownState = state;
  const before = document.activeElement?.closest?.("#chips [data-name]")?.dataset.name;
  $("chips").replaceChildren(
    ...sent.map(sentChip),
    ...texts.map((text) => el("li", { class: "usual", textContent: text })),
    sent.length ? el("li", {}, el("button", {
      type: "button", class: "quiet", textContent: say("startOver"), onclick: startOver,
    })) : "",
  );
  if (before) $("chips").querySelector(`[data-name="${CSS.escape(before)}"] button`)?.focus();
}

function startOver() {
  const before = structuredClone(draft.input);
  replace({ prompt: draft.input.prompt });
  toast(say("startOver"), { word: "undo", run: () => replace(before) });
}

function sentChip(name) {
  const text = chipText(name, draft.input[name]);
  const image = addressOfImage(draft.input[name]);
  return el("li", { class: `chip ${check.error?.setting === name ? "wrong" : ""}`, data: { name } },
    el("button", {
      type: "button", class: "what", title: say("change", name), onclick: () => openSetting(name),
    }, image ? el("img", { src: image, alt: "" }) : "", el("span", { textContent: text })),
    el("button", {
      type: "button", class: "off", "aria-label": say("remove", text), onclick: () => set(name, undefined),
    }, icon("close")));
}

const IN_FEW = new Set(["model", "size", "steps", "count", "seed", "artist", "look", "negative", "init", "mask", "strength", "init_fit", "image_prompt", "regions", "animate", "frames", "fps"]);
function openSetting(name) {
  if (IN_FEW.has(name)) openFew(true, name); else openForm(name);
}

function usualText(name) {
  const found = check.answer;
  if (name === "count") return say("onePicture");
  if (name === "seed") return say("seedFresh");
  if (name === "model") return found?.model ?? valueOf("model");
  if (!found) return null;
  return name === "size" ? say("pixels", ...found.size) + enlargedText() : say("stepsChip", found.steps);
}

function showEstimate() {
  const { answer, error } = check;
  const estimate = answer?.estimate;
  const parts = [];
  if (estimate?.seconds) parts.push(say("estimate", saySpan(estimate.seconds)));
  if (estimate?.memory_mb) parts.push(say("memory", (estimate.memory_mb / 1024).toFixed(1)));
  if (estimate) parts.push(say(estimate.basis));
  if (estimate?.before > 1) parts.push(say("after", saySpan(estimate.before)));
  if (!error) $("estimate").textContent = parts.join(" · ");
  else $("estimate").textContent = error.message;
  $("estimate").classList.toggle("wrong", Boolean(error));
  const notes = [answer?.missing, ...(answer?.warnings ?? [])].filter(Boolean);
  $("notes").replaceChildren(
    ...notes.map((text) => el("p", { textContent: text })),
    answer?.command ? el("details", { open: $("notes").querySelector("details")?.open ?? false },
      el("summary", { textContent: say("command") }), commandNode("", answer.command)) : "",
  );
}
