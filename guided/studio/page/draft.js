// What will be sent: the input of the next prediction, which is shown whole. Nothing else is sent.

import { memory } from "/shared/words.js";
import { get, send } from "/page/server.js";

// `variants`: the settings of each name, one for each choice that has one of that name.
export const schema = { settings: new Map(), variants: new Map(), choices: {} };
export const draft = { input: {} };
export const check = { answer: null, error: null };  // of the last preflight
const listeners = [];

export async function openDraft() {
  const found = await get("/schema");
  schema.settings = new Map(found.settings.map((setting) => [setting.name, setting]).reverse());
  schema.variants = Map.groupBy(found.settings, (setting) => setting.name);
  schema.choices = found.choices;
  let kept = {};
  try { kept = JSON.parse(memory.get("studio-draft") ?? "{}"); } catch { /* a new one */ }
  replace({ ...kept, ...draft.input });  // what has been typed meanwhile stays
}

// Calls `listener` whenever the input or its check has changed.
export function watch(listener) { listeners.push(listener); }

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const isEmpty = (value) => value === undefined || value === "" || (Array.isArray(value) && !value.length);

// The setting of a name that has an effect with the present choices; else the first of that name.
export function settingOf(name) {
  const variants = schema.variants.get(name) ?? [];
  return variants.find((one) => !isIdle(one)) ?? variants[0];
}

// Whether a setting has no effect, because the choice to which it belongs is not taken.
export function isIdle({ needs }) { return Boolean(needs) && !namesOf(needs.group).includes(needs.name); }

// Takes the value of a setting; an empty one and the default leave it out.
export function set(name, value) {
  const setting = settingOf(name);
  if (isEmpty(value) || (setting && same(value, setting.default))) delete draft.input[name];
  else draft.input[name] = value;
  if (name === "init") delete draft.input.mask;  // it was painted over another picture
  if (name === "animate" && !draft.input.animate) {  // what is of films has no effect any more
    for (const other of Object.keys(draft.input)) if (/^(animate\..+|frames|fps)$/.test(other)) delete draft.input[other];
  }
  changed();
}

export function replace(input) {
  draft.input = Object.fromEntries(Object.entries(input ?? {}).filter(([name, value]) =>
    (schema.settings.has(name) || name === "from") && !isEmpty(value)));
  changed();
}

export function valueOf(name) { return draft.input[name] ?? settingOf(name)?.default ?? null; }

// Names chosen of a group, and back: "a", ["a", "b"] or {a: 2, b: 1}.
export function namesOf(name) {
  const value = valueOf(name);
  if (value === null || value === "") return [];
  return typeof value === "string" ? [value] : Array.isArray(value) ? value : Object.keys(value);
}

export function toggleName(group, name) {
  const value = draft.input[group];
  if (value && typeof value === "object" && !Array.isArray(value)) {
    const { [name]: before, ...others } = value;
    set(group, before !== undefined ? (Object.keys(others).length ? others : []) : { ...value, [name]: 1 });
  } else {
    const names = namesOf(group);
    set(group, names.includes(name) ? names.filter((one) => one !== name) : [...names, name]);
  }
}

let timer = 0, latest = 0;
function changed() {
  memory.set("studio-draft", JSON.stringify(draft.input));
  askSoon();
  tell();
}

export function askSoon() {
  clearTimeout(timer);
  timer = setTimeout(ask, 350);
}

function tell() { for (const listener of listeners) listener(); }

// The estimate, the command and the faults of the input.
async function ask() {
  const mine = ++latest;
  let answer = null, error = null;
  if (hasSubject()) {
    try { answer = await send("POST", "/preflight", { input: draft.input }); } catch (found) { error = found; }
  }
  if (mine !== latest) return;
  Object.assign(check, { answer, error: error?.message ? error : null });
  tell();
}

export function hasSubject() {
  return ["prompt", "from", "image_prompt", "regions"].some((name) => !isEmpty(draft.input[name]));
}
