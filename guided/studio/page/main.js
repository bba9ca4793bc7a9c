// The studio's page: what is on it, the keys, and what events change.

import "/page/studio-words.js";
import { chosen, filterBy, forget, offerChoices, offered, order, ORDERS, shown } from "/shared/filters.js";
import { follow as followPictures, go, lightbox, opened, openPicture } from "/shared/lightbox.js";
import { pictures } from "/shared/pictures.js";
import { hang, move, setHeight } from "/shared/wall.js";
import { $, el, language, memory, say, sayCount, switchLanguage } from "/shared/words.js";
import { begun, forgetOne, inTrash, readAll, readFirst, readOne } from "/page/collection.js";
import { compareWith, first, showChoosing, stopChoosing } from "/page/compare.js";
import { attachShown, draw, openCreate, refreshCreate } from "/page/create.js";
import { askSoon, openDraft } from "/page/draft.js";
import { openFew, refreshFew, takeModels } from "/page/few.js";
import { openForm } from "/page/form.js";
import { icon } from "/page/icons.js";
import { queueEvents, readQueue, showQueue, tick } from "/page/queue.js";
import { follow, get, openSession, Unreachable } from "/page/server.js";
import { tellError } from "/page/toasts.js";
import { openVerbs } from "/page/verbs.js";

function show() {
  const found = shown();
  followPictures(found);
  hang(found);
  $("found").textContent = found.length === pictures.size ? sayCount(found.length) : say("of", found.length, sayCount(pictures.size));
  $("message").hidden = found.length > 0 || !begun;
  $("message").classList.toggle("first", !offered().length && !inTrash);
  $("message").replaceChildren(...(offered().length
    ? [say("none"), " ", el("button", { type: "button", textContent: say("clear"), onclick: () => { forget(); refresh(); } })]
    : [say(inTrash ? "trashEmpty" : "emptyWall")]));
}

// What depends on the pictures.
function refreshWall() {
  $("tools").hidden = pictures.size < 2 && !inTrash;
  offerChoices(refreshWall);
  $("favourites").setAttribute("aria-pressed", String(Boolean(chosen.mark)));
  show();
}

// Everything, in the language chosen.
function refresh() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  document.title = say("studio");
  $("language").textContent = say("language");
  $("language").lang = language === "zh" ? "en" : "zh-Hans";
  $("search").placeholder = say("searchLabel");
  $("search").setAttribute("aria-label", say("searchLabel"));
  $("height").setAttribute("aria-label", say("size"));
  $("favourites").replaceChildren(icon("heart"));
  $("favourites").title = say("favourites");
  $("favourites").setAttribute("aria-label", say("favourites"));
  $("wall").setAttribute("aria-label", say("wallOf"));
  $("create").setAttribute("aria-label", say("promptLabel"));
  for (const id of ["chips", "sending"]) $(id).setAttribute("aria-label", say("adjust"));
  $("offline").textContent = say("offline");
  $("keys").textContent = say("keysStudio");
  $("open-trash").setAttribute("aria-pressed", String(inTrash));
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = say(node.dataset.word);
  $("sort").replaceChildren(...Object.keys(ORDERS).map((name) =>
    el("option", { value: name, selected: name === order(), textContent: say(name === "number" ? "byDay" : name) })));
  refreshCreate();
  showQueue();
  showChoosing();
  refreshWall();
}

let waits = 0;
function soon() {  // several pictures may come in at once
  clearTimeout(waits);
  waits = setTimeout(refreshWall, 50);
}

async function pictureChanged({ id, change }) {
  const leaves = change === (inTrash ? "restored" : "trashed"), enters = change === (inTrash ? "trashed" : "restored");
  if (leaves) forgetOne(id);
  else if (enters || !inTrash) await readOne(id).catch(tellError);
  soon();
}

// A run that ends was measured, and those behind it begin sooner.
function stateChanged(item) {
  queueEvents.state(item);
  if (item.completed_at) askSoon();
}

function readAgain() {
  readQueue().catch(tellError);
  readAll(soon).then(openFromAddress).catch(tellError);
}

function listen() {
  $("height").value = memory.get("height") ?? 200;
  $("height").oninput = (event) => { memory.set("height", event.target.value); setHeight(Number(event.target.value)); };
  $("search").oninput = (event) => { chosen.text = event.target.value; show(); };
  $("sort").onchange = (event) => { chosen.sort = event.target.value; show(); };
  $("tools").onsubmit = (event) => event.preventDefault();
  $("favourites").onclick = () => { chosen.mark = chosen.mark ? "" : "favourite"; refreshWall(); };
  $("language").onclick = () => { switchLanguage(); refresh(); };
  $("open-form").onclick = () => openForm();
  $("open-trash").onclick = () => {
    forget();
    readAll(refreshWall, !inTrash).then(refresh, tellError);
  };
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed);
  window.addEventListener("paste", (event) => {
    const [file] = [...event.clipboardData?.files ?? []];
    if (file) { event.preventDefault(); attachShown(file); }
  });
  window.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) $("drop").hidden = true; });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").hidden = true;
    attachShown(event.dataTransfer?.files[0]);
  });
  window.addEventListener("hashchange", openFromAddress);
}

function clicked(event) {
  const card = event.target.closest?.("a.card");
  if (card && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    const { id } = card.dataset;
    if (first && first.id !== id) compareWith(pictures.get(id)); else openPicture(id);
  } else if (!event.target.closest?.("#create, #chips, #toasts, dialog") && event.target.isConnected) {
    openFew(false);
  }
}

function pressed(event) {
  const typing = event.target.closest?.("input, select, textarea");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    if (!document.querySelector("dialog[open]:not(#form)")) draw();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (lightbox.open) {
    if (!typing && event.key === "ArrowLeft") go(-1);
    if (!typing && event.key === "ArrowRight") go(1);
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    $("prompt").focus();
  } else if (event.key === "Escape") {
    if (first) stopChoosing();
    else if (!$("few").hidden) { openFew(false); $("adjust").focus(); }
    else if (typing?.id === "search" && typing.value) { chosen.text = typing.value = ""; show(); }
    else typing?.blur();
  } else if (event.key.startsWith("Arrow") && (!typing || (typing.id === "search" && event.key === "ArrowDown"))) {
    if (event.target.closest?.("button, summary")) return;
    event.preventDefault();
    move(event.key);
  }
}

function openFromAddress() {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id && id !== opened && pictures.has(id)) openPicture(id);
}

async function start() {
  filterBy(["artist", "look", "model", "mark"]);
  listen();
  setHeight(Number($("height").value));
  openVerbs(soon);
  openCreate();
  refresh();
  const first = readFirst(refreshWall).catch(() => {});  // it is read again, and then an error is told
  await openSession();
  follow({
    ...queueEvents, state: stateChanged, picture: pictureChanged, again: () => first.then(readAgain),
    found: () => { $("offline").hidden = true; }, lost: () => { $("offline").hidden = false; },
  });
  await openDraft();
  get("/models").then(({ models }) => { takeModels(models); refreshFew(); }, () => {});
  $("create").removeAttribute("aria-busy");
  refresh();
  setInterval(tick, 1000);
}

start().catch((error) => {
  refresh();
  $("offline").hidden = !(error instanceof Unreachable);
  tellError(error);
  if (error instanceof Unreachable) setTimeout(() => location.reload(), 5000);
});
