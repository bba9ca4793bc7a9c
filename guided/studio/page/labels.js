// Settings and their values in words.

import { pictures } from "/shared/pictures.js";
import { el, language, say, WORDS } from "/shared/words.js";
import { check, namesOf, schema } from "/page/draft.js";

export function chipText(name, value) {
  if (name === "seed") return value === null ? say("seedFresh") : say("seedLocked", value);
  if (name === "count") return value === 1 ? say("onePicture") : say("countChip", value);
  if (name === "steps" && typeof value === "number") return say("stepsChip", value);
  if (name === "size") return Array.isArray(value) ? say("pixels", ...value) : say("pixels", value, value);
  if (name === "negative") return say("notChip", textOf(value));
  if (name === "init" && /^(upload|picture):/.test(value)) return say("initChip");
  if (name === "mask" && /^(upload|picture):/.test(value)) return say("maskChip");
  if (name === "image_prompt") return say("imageChip");
  if (name === "regions" && Array.isArray(value)) return value.length === 1 ? say("oneRegion") : say("regionsChip", value.length);
  if (name === "from") return say("fromChip", pictures.get(value)?.number ?? value);
  if (["artist", "look"].includes(name)) return weighted(name, value).join(", ");
  if (name === "model") return value;
  if (name === "animate") return say("filmChip", labelOf("animate", value));
  if (name === "frames") return say("framesChip", value);
  if (name === "fps") return `${value} ${say("fps")}`;
  return `${name} ${textOf(value)}`;
}

function weighted(group, value) {
  const isMapping = value && typeof value === "object" && !Array.isArray(value);
  return namesOf(group).map((name) => labelOf(group, name) + (isMapping && value[name] !== 1 ? ` ×${value[name]}` : ""));
}

export function labelOf(group, name) {
  const choice = schema.choices[group]?.find((one) => one.name === name);
  return choice?.label?.[language] || WORDS[language][`${group}_${name}`] || name.replaceAll("_", " ");
}

export function textOf(value) {
  if (value === null) return "null";
  if (typeof value === "boolean") return say(value ? "on" : "off");
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  if (typeof value === "object") {
    if ("text" in value || "image" in value) return `${value.text ?? value.image}${value.weight === undefined ? "" : `:${value.weight}`}`;
    return Object.entries(value).map(([name, one]) => `${name}: ${textOf(one)}`).join(", ");
  }
  return String(value);
}

// The size of the finished picture, where it is enlarged after it is drawn.
export function enlargedText() {
  const { size, final_size: final } = check.answer ?? {};
  return final && final[0] !== size[0] ? ` → ${say("pixels", ...final)}` : "";
}

// A setting of a panel: its name and its controls.
export function row(name, label, ...controls) {
  return el("div", { class: `row ${check.error?.setting === name ? "wrong" : ""}`, data: { name } },
    el("span", { class: "label", textContent: label }), el("div", { class: "controls" }, ...controls));
}
