// All settings, as a form made from the schema, and presets.

import { $, el, language, say } from "/shared/words.js";
import { check, draft, isIdle, namesOf, replace, schema, set, settingOf, toggleName, watch } from "/page/draft.js";
import { icon } from "/page/icons.js";
import { addressOfImage } from "/page/init.js";
import { labelOf, textOf } from "/page/labels.js";
import { get, send, upload } from "/page/server.js";
import { tellError, toast } from "/page/toasts.js";

const dialog = $("form");
const shown = { text: "", changed: false };
let fields = [];  // {setting, node, refresh}
let presets = [];
let inWords = (text) => text;  // helps and ranges, in the language of the page

export async function openForm(name = "") {
  const { inChinese } = language === "zh" ? await import("/page/helps-zh.js").catch(() => ({})) : {};
  inWords = inChinese ?? ((text) => text);
  if (dialog.open) return;
  shown.text = name;
  shown.changed = false;
  build();
  dialog.showModal();
  readPresets();
}

function build() {
  const sections = new Map();
  fields = [...schema.variants.values()].flatMap((variants) => variants.map(fieldOf));
  for (const field of fields) {
    const section = field.setting.section;
    if (!sections.has(section)) sections.set(section, []);
    sections.get(section).push(field.node);
  }
  const search = el("input", {
    type: "search", value: shown.text, placeholder: say("searchSettings"), "aria-label": say("searchSettings"), autofocus: true,
    oninput: () => { shown.text = search.value; filter(); },
  });
  const changed = el("input", { type: "checkbox", onchange: () => { shown.changed = changed.checked; filter(); } });
  dialog.setAttribute("aria-label", say("allSettings"));
  dialog.replaceChildren(
    el("div", { class: "head" }, el("h2", { textContent: say("allSettings") }), search,
      el("label", {}, changed, el("span", { textContent: say("changedOnly") })),
      el("button", { type: "button", class: "round", "aria-label": say("close"), onclick: () => dialog.close() }, icon("close"))),
    el("div", { class: "presets" }),
    ...[...sections].map(([name, nodes]) => el("section", { data: { section: name } }, el("h3", { textContent: say(name) }), ...nodes)));
  filter();
}

watch(() => { if (dialog.open) { for (const field of fields) field.refresh(); filter(); } });

function filter() {
  const tokens = shown.text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { setting, node } of fields) {
    const words = `${setting.name} ${setting.help} ${inWords(setting.help)} ${setting.section}`.toLowerCase();
    const on = setting.name in draft.input;
    // What has no effect, as the settings of the other sixty CLIPs, is only searched for.
    const idle = isIdle(setting) && !on && !tokens.length;
    node.hidden = idle || settingOf(setting.name) !== setting || !tokens.every((token) => words.includes(token)) || (shown.changed && !on);
  }
  for (const section of dialog.querySelectorAll("section")) section.hidden = !section.querySelector(".field-row:not([hidden])");
}

function fieldOf(setting, place) {
  const id = `set-${setting.name}${place ? `-${setting.needs.name}` : ""}`;
  const control = controlOf(setting, id);
  const reset = el("button", {
    type: "button", class: "round", "aria-label": say("remove", setting.name), onclick: () => { set(setting.name, undefined); control.fill(); },
  }, icon("close"));
  const needs = el("span", { class: "needs" }), fault = el("p", { class: "fault" });
  const notes = [inWords(setting.help), inWords(setting.allowed), setting.default === null || setting.type === "boolean" ? "" : say("default", textOf(setting.default))];
  const node = el("div", { class: "field-row" },
    el("label", { htmlFor: id, textContent: setting.name }),
    el("div", { class: "controls" }, control.node, reset),
    fault, el("p", { class: "soft" }, notes.filter(Boolean).join(" · "), needs));
  const refresh = () => {
    const on = setting.name in draft.input;
    node.classList.toggle("set", on);
    const wrong = check.error?.setting === setting.name;
    node.classList.toggle("wrong", wrong);
    fault.textContent = wrong ? check.error.message : "";
    reset.hidden = !on;
    const idle = isIdle(setting);
    node.classList.toggle("idle", idle);
    needs.textContent = idle ? ` · ${say("needs", setting.needs.group, setting.needs.name)}` : "";
    if (!control.node.contains(document.activeElement)) control.fill();
  };
  refresh();
  return { setting, node, refresh };
}

function controlOf(setting, id) {
  if (setting.file) return fileControl(setting, id);
  if (setting.several) return severalControl(setting, id);
  if (setting.type === "boolean") return selectControl(setting, id, [[true, say("on")], [false, say("off")]]);
  const choices = setting.choices ?? schema.choices[setting.name]?.map(({ name }) => name);
  if (setting.type === "choice" && choices) return selectControl(setting, id, choices.map((value) => [value, labelOf(setting.name, String(value))]));
  return textControl(setting, id);
}

function selectControl({ name, default: usual, nullable }, id, options) {
  const values = options.map(([value]) => value);
  const node = el("select", { id, onchange: () => set(name, node.value === "" ? undefined : values[Number(node.value)]) },
    nullable || !values.includes(usual) ? el("option", { value: "", textContent: "–" }) : "",
    ...options.map(([, text], k) => el("option", { value: k, textContent: text })));
  const fill = () => {
    const at = values.indexOf(draft.input[name] ?? usual);
    node.value = at < 0 ? "" : at;
  };
  return { node, fill };
}

// Pictures, which are uploaded; the initial one may also be written, as perlin.
function fileControl(setting, id) {
  const { name, several } = setting;
  const text = several ? { node: "", fill() {} } : textControl(setting, id);
  const shown = el("span", { class: "chosen" });
  const file = el("input", {
    type: "file", accept: "image/*", hidden: true, onchange: async () => {
      try {
        const { value } = await upload(file.files[0]);
        set(name, several ? [...draft.input[name] ?? [], value] : value);
      } catch (error) { tellError(error); }
      file.value = "";
      fill();
    },
  });
  function fill() {
    text.fill();
    const values = [draft.input[name] ?? []].flat().filter((one) => addressOfImage([one]));
    shown.replaceChildren(...values.map((one) => el("img", { class: "small", src: addressOfImage([one]), alt: "" })));
  }
  const choose = el("button", { type: "button", id: several ? id : "", textContent: say("choose"), "aria-label": `${say("choose")}: ${name}`, onclick: () => file.click() });
  return { node: el("span", { class: "several" }, shown, text.node, choose, file), fill };
}

// Several choices of a group: those that are chosen, and a list to add from.
function severalControl({ name }, id) {
  const chosen = el("span", { class: "chosen" });
  const add = el("select", { id, onchange: () => { if (add.value) toggleName(name, add.value); add.value = ""; fill(); } },
    el("option", { value: "", textContent: say("choose") }),
    ...(schema.choices[name] ?? []).map((one) => el("option", { value: one.name, textContent: labelOf(name, one.name) })));
  function fill() {
    const names = namesOf(name);
    chosen.replaceChildren(...(names.length ? names.map((one) => el("button", {
      type: "button", "aria-label": say("remove", labelOf(name, one)), onclick: () => { toggleName(name, one); fill(); },
    }, el("span", { textContent: labelOf(name, one) }), icon("close"))) : [el("span", { class: "soft", textContent: say("nothingSet") })]));
  }
  return { node: el("span", { class: "several" }, chosen, add), fill };
}

function textControl({ name, type, schedule, minimum, maximum, default: usual }, id) {
  const numeric = ["integer", "number"].includes(type) && !schedule;
  const node = el("input", {
    id, type: numeric ? "number" : "text", placeholder: usual === null ? "" : written(usual), autocomplete: "off", spellcheck: type === "text",
    oninput: () => set(name, node.value === "" ? undefined : read(node.value, type)),
  });
  if (numeric) Object.assign(node, { min: minimum ?? "", max: maximum ?? "", step: type === "integer" ? 1 : "any" });
  return { node, fill: () => { node.value = name in draft.input ? written(draft.input[name]) : ""; } };
}

function written(value) { return typeof value === "string" ? value : JSON.stringify(value); }

// Numbers, lists and mappings are written as in JSON; all else is text.
function read(text, type) {
  if (type === "text" && !/^\s*[[{]/.test(text)) return text;
  try { return JSON.parse(text); } catch { return text; }
}

// ---- presets

async function readPresets() {
  try { presets = (await get("/presets")).presets; } catch (error) { return tellError(error); }
  showPresets();
}

function showPresets() {
  const name = el("input", { type: "text", placeholder: say("presetName"), "aria-label": say("savePreset"), pattern: "[A-Za-z0-9_]+", title: say("presetLetters"), class: "medium" });
  const save = el("form", {
    class: "row", onsubmit: (event) => {
      event.preventDefault();
      const { prompt, seed, ...input } = draft.input;
      send("PUT", `/presets/${encodeURIComponent(name.value)}`, { input }).then(() => { toast(say("saved")); readPresets(); }).catch(tellError);
    },
  }, el("span", { class: "label", textContent: say("savePreset") }),
  el("div", { class: "controls" }, name, el("button", { type: "submit", textContent: say("save") })));
  const place = dialog.querySelector(".presets");
  const focused = place.contains(document.activeElement);
  place.replaceChildren(
    presets.length ? el("div", { class: "row" }, el("span", { class: "label", textContent: say("presets") }),
      el("div", { class: "controls" }, ...presets.flatMap((preset) => [
        el("button", {
          type: "button", textContent: preset.name, title: textOf(preset.input),
          onclick: () => replace({ ...draft.input, ...preset.input }),
        }),
        el("button", {
          type: "button", class: "round", "aria-label": say("removePreset", preset.name),
          onclick: () => send("POST", `/presets/${encodeURIComponent(preset.name)}/trash`).then(readPresets).catch(tellError),
        }, icon("close")),
      ]))) : "", save);
  if (focused) name.focus();
}
