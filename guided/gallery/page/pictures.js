// The pictures of the page, and what is said of one.

import { language, say } from "./words.js";

export const pictures = new Map();  // id -> picture
export let batches = [];
export let overAll = false;  // the page of all batches, or that of one

// Takes in new data; the ids of what is new or has changed.
export function take(data) {
  const changed = new Set();
  const there = new Set();
  overAll = data.all;
  batches = data.batches;
  for (const batch of batches) {
    for (const entry of batch.pictures) {
      const id = entry.id ?? batch.folder + entry.number;
      const stamp = JSON.stringify(entry);
      there.add(id);
      if (pictures.get(id)?.stamp === stamp) {
        pictures.get(id).batch = batch;
        continue;
      }
      changed.add(id);
      pictures.set(id, {
        ...entry, id, batch, stamp, prompt: entry.prompt ?? "", at: entry.at ?? [],
        words: [entry.prompt, ...(entry.artist ?? []), ...(entry.look ?? []), batch.title]
          .join("\n").toLowerCase(),
      });
    }
  }
  for (const id of pictures.keys()) if (!there.has(id)) { pictures.delete(id); changed.add(id); }
  return changed;
}

// Whether pictures are left to draw.
export function isUnfinished(batch) {
  return batch.pictures.some((p) => ["queued", "running", "stopped"].includes(p.state));
}

// Whether someone draws it: `alive` is the time (s) at which a worker last wrote its data, and
// the next time is at most `grace` seconds later; the page of all batches is written less often.
// A clock that was set back says nothing.
export function isAlive(batch) { return Math.abs(Date.now() / 1000 - (batch.alive ?? 0)) < (batch.grace ?? 0) * (overAll ? 3 : 1); }

export function stateOf(p) {
  return ["queued", "running"].includes(p.state) && !isAlive(p.batch) ? "stopped" : p.state;
}

// A picture that is not there. The wall has it only where its state is asked for.
export function isAbsent(p) {
  return ["queued", "stopped", "skipped", ...(overAll ? ["failed"] : [])].includes(stateOf(p));
}

export const addressOf = {
  full: (p) => p.file && p.batch.folder + p.file,
  thumb: (p) => p.size && `${p.batch.folder}thumbs/${pad(p.number)}.webp?${p.time}`,
  explained: (p) => `${p.batch.folder}explain/${pad(p.number)}${language === "zh" ? ".zh" : ""}.html`,
  making: (p) => p.size && `${p.batch.folder}thumbs/${pad(p.number)}.js?${p.time}`,
  preview: (p) => p.preview && p.batch.folder + p.preview,
  step: (p, file) => p.batch.folder + file,
  video: (p) => p.video && p.batch.folder + p.video,
};

function pad(number) { return String(number).padStart(4, "0"); }

export function shape(p) {  // width / height
  const size = p.size ?? p.batch.pictures.find((other) => other.size)?.size ?? [1, 1];
  return size[0] / size[1];
}

export function isSmall(p) { return p.size && Math.max(...p.size) <= 64; }

// The values of the settings that differ within its batch, else its prompt.
export function caption(p) {
  const axes = p.batch.axes.map((axis, k) => [axis.name, axis.values[p.at[k]]]);
  const told = axes.filter(([name, value]) => name !== "prompt" && value);
  const parts = told.map(([name, value]) => name === "negative" ? say("unwanted", value)
    : /^[-\d.]+$|^(true|false)$/.test(value) ? `${name.split(".").pop()} ${value}` : value);
  if (overAll || !parts.length || axes.some(([name]) => name === "prompt")) parts.unshift(p.prompt);
  return parts.filter(Boolean).join(" · ");
}

export function describe(p) { return say("alt", p.number, caption(p) || p.prompt); }

// For a shell: quoted where that is needed.
function word(text) {
  return /^[\p{L}\p{N}_@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function command(...words) { return ["python run.py", ...words.map(word)].join(" "); }
