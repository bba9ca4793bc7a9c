// Regions: boxes on the canvas, each with a prompt of its own.

import { $, el, say } from "/shared/words.js";
import { check, draft, set } from "/page/draft.js";
import { icon } from "/page/icons.js";
import { toast } from "/page/toasts.js";

const LEAST = 0.03;  // of a side: what is smaller was only a click
const STEP = 0.02;  // of an arrow key
const round = (share) => Math.round(Math.min(1, Math.max(0, share)) * 1000) / 1000;

// Opens the editor on the regions of the input; those without a box are kept as they are.
export function openRegions() {
  const dialog = $("regions");
  const given = Array.isArray(draft.input.regions) ? draft.input.regions : [];
  const others = given.filter((region) => !region.box);
  const regions = given.filter((region) => region.box).map((region) => structuredClone(region));
  const board = el("div", { class: "board" }), list = el("ol", { class: "regions" });
  const [width, height] = check.answer?.size ?? [draft.input.size ?? 1, 1].flat();
  board.style.aspectRatio = `${width} / ${height}`;
  board.style.width = `min(100%, ${(56 * width / height).toFixed(2)}dvh)`;
  const redraw = () => {
    board.replaceChildren(...regions.map((region, k) => boxOf(board, region, k, redraw)));
    list.replaceChildren(...regions.map((region, k) => fieldOf(regions, region, k, redraw)));
  };
  drawOn(board, regions, redraw);
  dialog.setAttribute("aria-label", say("regions"));
  dialog.replaceChildren(
    el("h2", { textContent: say("regions") }), el("p", { class: "soft", textContent: say("regionsHelp") }),
    el("div", { class: "paper" }, board), list,
    el("p", { class: "ends" },
      el("button", { type: "button", data: { tool: "add" }, textContent: say("addRegion"), onclick: () => {
        regions.push({ box: [0.25, 0.25, 0.75, 0.75], prompt: "" });
        redraw();
        list.lastElementChild.querySelector("input").focus();
      } }),
      el("button", { type: "button", textContent: say("close"), onclick: () => dialog.close() }),
      el("button", { type: "button", class: "main", textContent: say("use"), onclick: () => {
        if (regions.some(({ prompt, image }) => !prompt && !image)) return toast(say("noRegionPrompt"), null, "bad");
        set("regions", [...others, ...regions]);
        dialog.close();
      } })));
  redraw();
  dialog.showModal();
}

function fieldOf(regions, region, k, redraw) {
  return el("li", {},
    el("span", { class: "place", textContent: k + 1 }),
    el("input", {
      type: "text", value: region.prompt ?? "", "aria-label": say("regionPrompt", k + 1), placeholder: say("regionPrompt", k + 1),
      oninput: (event) => { region.prompt = event.target.value; },
    }),
    el("button", {
      type: "button", class: "round", "aria-label": say("remove", `${say("region")} ${k + 1}`),
      onclick: () => { regions.splice(k, 1); redraw(); },
    }, icon("close")));
}

function boxOf(board, region, k, redraw) {
  const corner = el("i", { class: "corner" });
  const node = el("div", { class: "box", tabIndex: 0, role: "group", "aria-label": `${say("region")} ${k + 1}`, data: { box: k } },
    el("b", { textContent: k + 1 }), corner);
  const place = () => {
    const [left, top, right, bottom] = region.box;
    Object.assign(node.style, { left: `${left * 100}%`, top: `${top * 100}%`, width: `${(right - left) * 100}%`, height: `${(bottom - top) * 100}%` });
  };
  const change = (dx, dy, resizes) => {
    const [left, top, right, bottom] = region.box;
    if (resizes) region.box = [left, top, round(Math.max(left + LEAST, right + dx)), round(Math.max(top + LEAST, bottom + dy))];
    else {
      const x = Math.min(1 - right, Math.max(-left, dx)), y = Math.min(1 - bottom, Math.max(-top, dy));
      region.box = [left + x, top + y, right + x, bottom + y].map(round);
    }
    place();
  };
  let last = null;
  node.onpointerdown = (event) => {
    event.stopPropagation();
    node.setPointerCapture(event.pointerId);
    last = { at: shareOf(board, event), resizes: event.target === corner };
  };
  node.onpointermove = (event) => {
    if (!last) return;
    const at = shareOf(board, event);
    change(at[0] - last.at[0], at[1] - last.at[1], last.resizes);
    last.at = at;
  };
  node.onpointerup = node.onpointercancel = () => { last = null; };
  node.onkeydown = (event) => {
    const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [];
    if (dx === undefined) return;
    event.preventDefault();
    change(dx, dy, event.shiftKey);
  };
  place();
  return node;
}

function shareOf(board, event) {
  const box = board.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

// Dragging over the empty board makes a box.
function drawOn(board, regions, redraw) {
  let start = null, region = null;
  board.onpointerdown = (event) => {
    start = shareOf(board, event);
    region = null;
    board.setPointerCapture(event.pointerId);
  };
  board.onpointermove = (event) => {
    if (!start) return;
    const at = shareOf(board, event);
    const box = [0, 1].map((k) => Math.min(start[k], at[k])).concat([0, 1].map((k) => Math.max(start[k], at[k]))).map(round);
    if (!region && (box[2] - box[0] < LEAST || box[3] - box[1] < LEAST)) return;
    if (!region) regions.push(region = { box, prompt: "" });
    region.box = box;
    redraw();
  };
  board.onpointerup = board.onpointercancel = () => {
    if (region) $("regions").querySelector("ol").lastElementChild.querySelector("input").focus();
    start = region = null;
  };
}
