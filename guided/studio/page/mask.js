// The mask editor: what is painted over the initial picture is drawn anew. White is painted.

import { $, el, say } from "/shared/words.js";
import { set } from "/page/draft.js";
import { upload } from "/page/server.js";
import { tellError, toast } from "/page/toasts.js";

const LARGEST = 2048;  // pixels of the mask's longer side
const TINT = "rgb(226 88 62 / .55)";  // of what is painted, over the picture

// Opens the editor over a picture, with an existing mask.
export async function openMask(source, before = null) {
  const picture = await loaded(source);
  const scale = Math.min(1, LARGEST / Math.max(picture.naturalWidth, picture.naturalHeight));
  const size = [picture.naturalWidth, picture.naturalHeight].map((side) => Math.max(1, Math.round(side * scale)));
  const mask = canvasOf(size), shown = canvasOf(size);
  const paper = mask.getContext("2d");
  if (before) drawGrey(paper, await loaded(before), size);
  const tools = { erases: false, brush: Math.max(...size) / 12 };
  Object.assign(shown, { tabIndex: 0 });
  shown.setAttribute("role", "img");
  shown.setAttribute("aria-label", say("maskTitle"));
  const refresh = () => { show(shown, picture, mask); };
  listen(shown, paper, tools, refresh);
  const dialog = $("mask");
  dialog.setAttribute("aria-label", say("maskTitle"));
  dialog.replaceChildren(
    el("h2", { textContent: say("maskTitle") }), el("p", { class: "soft", textContent: say("maskHelp") }),
    toolbar(paper, tools, size, refresh), el("div", { class: "paper" }, shown),
    el("p", { class: "ends" },
      el("button", { type: "button", textContent: say("close"), onclick: () => dialog.close() }),
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

function show(canvas, picture, mask) {
  const context = canvas.getContext("2d"), { width, height } = canvas;
  context.globalCompositeOperation = "copy";
  context.drawImage(mask, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = TINT;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "destination-over";
  context.drawImage(picture, 0, 0, width, height);
}

function toolbar(paper, tools, [width, height], refresh) {
  const modes = ["paint", "erase"].map((word) => el("button", {
    type: "button", textContent: say(word), "aria-pressed": String(tools.erases === (word === "erase")), data: { tool: word },
    onclick: () => {
      tools.erases = word === "erase";
      for (const mode of modes) mode.setAttribute("aria-pressed", String(mode.dataset.tool === word));
    },
  }));
  const whole = (operation) => () => {
    paper.globalCompositeOperation = operation;
    paper.fillStyle = "white";
    if (operation === "clear") paper.clearRect(0, 0, width, height); else paper.fillRect(0, 0, width, height);
    refresh();
  };
  return el("div", { class: "toolbar" },
    el("span", { class: "group", role: "group", "aria-label": say("maskTitle") }, ...modes),
    el("label", {}, el("span", { textContent: say("brush") }), el("input", {
      type: "range", min: 2, max: Math.max(width, height) / 3, value: tools.brush,
      oninput: (event) => { tools.brush = Number(event.target.value); },
    })),
    el("button", { type: "button", data: { tool: "invert" }, textContent: say("invert"), onclick: whole("xor") }),
    el("button", { type: "button", data: { tool: "clear" }, textContent: say("clearMask"), onclick: whole("clear") }));
}

function listen(canvas, paper, tools, refresh) {
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
  };
  const stroke = (point) => {
    paper.globalCompositeOperation = tools.erases ? "destination-out" : "source-over";
    Object.assign(paper, { lineCap: "round", lineJoin: "round", lineWidth: tools.brush, strokeStyle: "white" });
    paper.beginPath();
    paper.moveTo(...last);
    paper.lineTo(...point);
    paper.stroke();
    last = point;
    refresh();
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    stroke(last);
  };
  canvas.onpointermove = (event) => { if (last) for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(at(one)); };
  canvas.onpointerup = canvas.onpointercancel = () => { last = null; };
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
