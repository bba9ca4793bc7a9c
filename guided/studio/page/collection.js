// All pictures of the folder of runs, as the shared wall, filters and lightbox expect them.

import { addressOf, pictures, take } from "/shared/pictures.js";
import { get } from "/page/server.js";

const FIRST = 200, MORE = 5000;  // pictures of a request: few at first, which are seen at once
const entries = new Map();  // id -> a picture as the server has it
const newer = new Set(), gone = new Set();  // ids that came in, or left, while all are read
export let inTrash = false;  // the trash is shown
export let begun = false;  // the first pictures are read, or there are none

Object.assign(addressOf, {
  full: (p) => p.file,
  thumb: (p) => p.thumb,
  preview: () => null,
  video: (p) => p.film,
  step: (_, address) => address,
});

const addressOfSome = (limit, offset, trash) => `/pictures?limit=${limit}&offset=${offset}${trash ? "&trash=true" : ""}`;

// Reads the newest, for which index.html asks before any script runs.
export async function readFirst(changed) {
  const answer = await get(addressOfSome(FIRST, 0, false));
  if (begun || inTrash) return;
  for (const picture of answer.pictures) entries.set(picture.id, { ...picture, trash: false });
  begun = true;
  takeIn();
  changed();
  await painted();
}

// Resolves when the pictures in the window are there, or after a second.
function painted() {
  const seen = [...document.querySelectorAll("#wall img")].filter((image) => image.getBoundingClientRect().top < innerHeight);
  return Promise.race([
    Promise.allSettled(seen.map((image) => image.decode())), new Promise((resolve) => { setTimeout(resolve, 1000); })]);
}

// Reads them all anew; `changed` is called whenever some more are there.
export async function readAll(changed, trash = inTrash) {
  inTrash = trash;
  const found = new Set();
  newer.clear();
  gone.clear();
  const some = [...entries.values()].some((picture) => picture.trash === trash);  // are shown already
  for (let offset = 0, total = 1; offset < total;) {
    const answer = await get(addressOfSome(offset || some ? MORE : FIRST, offset, trash));
    if (inTrash !== trash) return;  // the other is asked for by now
    if (!offset) for (const id of entries.keys()) if (inTrash !== entries.get(id).trash) entries.delete(id);
    for (const picture of answer.pictures) {
      if (gone.has(picture.id)) continue;
      entries.set(picture.id, { ...picture, trash });
      found.add(picture.id);
    }
    total = answer.total;
    if (!answer.pictures.length) break;
    offset += answer.pictures.length;
    begun = true;
    takeIn();
    changed();
  }
  for (const id of entries.keys()) if (!found.has(id) && !newer.has(id)) entries.delete(id);
  begun = true;
  takeIn();
  changed();
}

// Reads one picture, which is new or has changed.
export async function readOne(id) {
  const picture = await get(`/pictures/${id}`);
  entries.set(id, { ...picture, trash: inTrash });
  newer.add(id);
  gone.delete(id);
  takeIn();
  return picture;
}

export function forgetOne(id) {
  entries.delete(id);
  newer.delete(id);
  gone.add(id);
  takeIn();
}

function takeIn() {
  const batches = new Map();
  for (const picture of entries.values()) {
    if (!batches.has(picture.run)) {
      batches.set(picture.run, { folder: picture.run, made: picture.made, title: "", axes: [], pictures: [] });
    }
    batches.get(picture.run).pictures.push(entryOf(picture));
  }
  take({ all: true, batches: [...batches.values()] });
}

function entryOf(picture) {
  return {
    id: picture.id, number: picture.number, state: "done", prompt: picture.prompt, unwanted: picture.unwanted,
    seed: picture.seed ?? undefined, score: picture.score ?? undefined, seconds: picture.seconds ?? undefined,
    size: [picture.width, picture.height], artist: picture.artist, look: picture.look, model: picture.model,
    time: Date.parse(picture.made) / 1000, thumb: picture.thumb, file: picture.file, film: picture.film ?? undefined,
    video: picture.film ?? undefined, mark: picture.favourite ? ["favourite"] : [], prediction: picture.prediction,
    run: picture.run, trash: picture.trash,
  };
}

// For each artist or look, the newest picture that has it, alone if possible.
export function examplesOf(group) {
  const best = new Map();
  for (const p of pictures.values()) {
    for (const name of p[group] ?? []) {
      const other = best.get(name);
      const better = !other || p[group].length < other[group].length || (p[group].length === other[group].length && p.time > other.time);
      if (better) best.set(name, p);
    }
  }
  return best;
}
