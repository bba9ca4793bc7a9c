// The mask editor: what is painted over the initial picture is drawn anew. White is painted.

import { $, el, say } from "/shared/words.js";
import { set } from "/page/draft.js";
import { upload } from "/page/server.js";
import { tellError, toast } from "/page/toasts.js";

const LARGEST = 2048;  // pixels of the mask's longer side
const STRIPES = ["rgb(226 88 62 / .7)", "rgb(255 255 255 / .55)"];  // of what is painted: seen on every picture

// Opens the editor over a picture, with an existing mask.
export async function openMask(source, before = null) {
  const picture = await loaded(source);
  const scale = Math.min(1, LARGEST / Math.max(picture.naturalWidth, picture.naturalHeight));
  const size = [picture.naturalWidth, picture.naturalHeight].map((side) => Math.max(1, Math.round(side * scale)));
  const mask = canvasOf(size), shown = canvasOf(size);
  const paper = mask.getContext("2d", { willReadFrequently: true });
  const earlier = canvasOf(size);
  if (before) drawGrey(earlier.getContext("2d"), await loaded(before), size);
  paper.drawImage(earlier, 0, 0);
  const tools = { erases: false, brush: Math.max(...size) / 12, at: null };
  Object.assign(shown, { tabIndex: 0 });
  shown.setAttribute("role", "img");
  shown.setAttribute("aria-label", say("maskTitle"));
  const stripes = stripesOf(size);
  const refresh = () => { show(shown, picture, mask, stripes, tools); };
  const changes = history(paper, earlier, refresh);
  listen(shown, changes, tools, refresh);
  const dialog = $("mask");
  dialog.onkeydown = (event) => keys(event, changes);
  dialog.oncancel = () => { if (changes.any()) toast(say("maskLeft"), { word: "undo", run: () => dialog.showModal() }); };
  dialog.setAttribute("aria-label", say("maskTitle"));
  dialog.replaceChildren(
    el("h2", { textContent: say("maskTitle") }), el("p", { class: "soft", textContent: say("maskHelp") }),
    toolbar(changes, tools, size), el("div", { class: "paper" }, shown),
    el("p", { class: "ends" },
      el("button", { type: "button", textContent: say("close"), onclick: () => { dialog.oncancel(); dialog.close(); } }),
      el("button", { type: "button", class: "main", textContent: say("use"), onclick: () => finish(mask, dialog) })));
  dialog.showModal();
  refresh();
}

function canvasOf([width, height]) { return Object.assign(document.createElement("canvas"), { width, height }); }

function loaded(address) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error(say("badPicture")));
    image.src = address;
  });
}

// A grey mask becomes paint: opaque white where it is white.
function drawGrey(paper, image, [width, height]) {
  paper.drawImage(image, 0, 0, width, height);
  const data = paper.getImageData(0, 0, width, height);
  for (let k = 0; k < data.data.length; k += 4) {
    data.data[k + 3] = data.data[k];
    data.data[k] = data.data[k + 1] = data.data[k + 2] = 255;
  }
  paper.putImageData(data, 0, 0);
}

// Diagonal stripes as wide as the picture needs to show them.
function stripesOf(size) {
  const side = Math.max(8, Math.round(Math.max(...size) / 50));
  const tile = canvasOf([side, side]), context = tile.getContext("2d");
  for (let k = 0; k < 4; k++) {
    context.fillStyle = STRIPES[k % 2];
    context.beginPath();
    for (const [x, y] of [[k / 2, 0], [(k + 1) / 2, 0], [(k - 1) / 2, 1], [(k - 2) / 2, 1]]) context.lineTo(x * side, y * side);
    context.fill();
  }
  return tile;
}

// What was painted, change by change, so that each can be taken back: a change paints on the mask.
function history(paper, earlier, refresh) {
  const done = [], undone = [];
  function again() {
    paper.globalCompositeOperation = "copy";
    paper.drawImage(earlier, 0, 0);
    for (const change of done) change(paper);
    refresh();
  }
  return {
    any: () => done.length > 0,
    add(change) {
      change(paper);
      done.push(change);
      undone.length = 0;
      refresh();
    },
    more(change) { change(paper); },  // of the last one
    undo() {
      if (done.length) undone.push(done.pop());
      again();
    },
    redo() {
      if (undone.length) done.push(undone.pop());
      again();
    },
  };
}

function keys(event, changes) {
  if (!(event.ctrlKey || event.metaKey) || !["z", "y"].includes(event.key.toLowerCase())) return;
  event.preventDefault();
  if (event.shiftKey || event.key.toLowerCase() === "y") changes.redo(); else changes.undo();
}

function show(canvas, picture, mask, stripes, { at, brush }) {
  const context = canvas.getContext("2d"), { width, height } = canvas;
  context.globalCompositeOperation = "copy";
  context.drawImage(mask, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = context.createPattern(stripes, "repeat");
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "destination-over";
  context.drawImage(picture, 0, 0, width, height);
  if (!at) return;
  context.globalCompositeOperation = "source-over";
  const line = width / canvas.clientWidth || 1;
  for (const [style, wide] of [["white", 3], ["black", 1]]) {
    Object.assign(context, { strokeStyle: style, lineWidth: wide * line });
    context.beginPath();
    context.arc(...at, brush / 2, 0, 2 * Math.PI);
    context.stroke();
  }
}

function toolbar(changes, tools, [width, height]) {
  const modes = ["paint", "erase"].map((word) => el("button", {
    type: "button", textContent: say(word), "aria-pressed": String(tools.erases === (word === "erase")), data: { tool: word },
    onclick: () => {
      tools.erases = word === "erase";
      for (const mode of modes) mode.setAttribute("aria-pressed", String(mode.dataset.tool === word));
    },
  }));
  const whole = (operation) => () => changes.add((paper) => {
    Object.assign(paper, { globalCompositeOperation: operation, fillStyle: "white" });
    paper.fillRect(0, 0, width, height);
  });
  return el("div", { class: "toolbar" },
    el("span", { class: "group", role: "group", "aria-label": say("maskTitle") }, ...modes),
    el("label", {}, el("span", { textContent: say("brush") }), el("input", {
      type: "range", min: 2, max: Math.max(width, height) / 3, value: tools.brush,
      oninput: (event) => { tools.brush = Number(event.target.value); },
    })),
    el("button", { type: "button", data: { tool: "invert" }, textContent: say("invert"), onclick: whole("xor") }),
    el("button", { type: "button", data: { tool: "clear" }, textContent: say("clearMask"), onclick: whole("destination-out") }),
    el("button", { type: "button", data: { tool: "undo" }, title: "Ctrl+Z", textContent: say("undo"), onclick: changes.undo }),
    el("button", { type: "button", data: { tool: "redo" }, title: "Ctrl+Shift+Z", textContent: say("redo"), onclick: changes.redo }));
}

function listen(canvas, changes, tools, refresh) {
  let points = null;  // of the stroke that is being painted
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
  };
  canvas.onpointerdown = (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    points = [at(event)];
    const { erases, brush } = tools, stroke = points;
    changes.add((paper) => paint(paper, stroke, 0, erases, brush));
  };
  canvas.onpointermove = (event) => {
    tools.at = at(event);
    if (points) {
      const from = points.length - 1;
      for (const one of event.getCoalescedEvents?.() ?? [event]) points.push(at(one));
      changes.more((paper) => paint(paper, points, from, tools.erases, tools.brush));
    }
    refresh();
  };
  canvas.onpointerup = canvas.onpointercancel = () => { points = null; };
  canvas.onpointerleave = () => {
    tools.at = null;
    refresh();
  };
}

// A line through points, from one of them on.
function paint(paper, points, from, erases, brush) {
  Object.assign(paper, { globalCompositeOperation: erases ? "destination-out" : "source-over", lineCap: "round", lineJoin: "round", lineWidth: brush, strokeStyle: "white" });
  paper.beginPath();
  paper.moveTo(...points[from]);
  for (const point of points.slice(from)) paper.lineTo(...point);
  paper.stroke();
}

async function finish(mask, dialog) {
  const { width, height } = mask;
  const painted = mask.getContext("2d").getImageData(0, 0, width, height).data;
  if (!painted.some((value, k) => k % 4 === 3 && value > 127)) return toast(say("noMask"), null, "bad");
  const flat = canvasOf([width, height]), context = flat.getContext("2d");
  context.fillRect(0, 0, width, height);
  context.drawImage(mask, 0, 0);
  const blob = await new Promise((resolve) => { flat.toBlob(resolve, "image/png"); });
  try {
    set("mask", (await upload(blob, true)).value);
    dialog.close();
  } catch (error) {
    tellError(error);  // the editor stays open: what is painted is not lost
  }
}
