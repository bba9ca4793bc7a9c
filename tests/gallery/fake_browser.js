// The page's program with just enough of a browser: node fake_browser.js < {html, program, data, steps}.
// `html` is the tree of page.html, `data` the files by name that scripts load, `steps` programs that
// run one after the other, as clicks do. Prints the tree of the document.
"use strict";
const vm = require("node:vm");
const input = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

class Node {
  constructor(tag) {
    Object.assign(this, { tag, childNodes: [], dataset: {}, attributes: {}, className: "", parent: null });
    this.style = { setProperty: () => {} };
    this.classList = { toggle: (name, on) => {
      const names = new Set(this.className.split(" ").filter(Boolean));
      if (on) names.add(name); else names.delete(name);
      this.className = [...names].join(" ");
    }, contains: (name) => this.className.split(" ").includes(name) };
  }
  get children() { return this.childNodes.filter((child) => child instanceof Node); }
  get firstElementChild() { return this.children[0] ?? null; }
  get nextElementSibling() {
    const all = this.parent?.children ?? [];
    return all[all.indexOf(this) + 1] ?? null;
  }
  insertBefore(node, next) {
    node.remove();
    node.parent = this;
    this.childNodes.splice(next ? this.childNodes.indexOf(next) : this.childNodes.length, 0, node);
  }
  getBoundingClientRect() { return { top: 0 }; }
  get clientWidth() { return this.hidden ? 0 : 1200; }
  get childElementCount() { return this.children.length; }
  get isConnected() { return this.tag === "html" || Boolean(this.parent?.isConnected); }
  get textContent() { return this.childNodes.map((child) => child.textContent ?? child).join(""); }
  set textContent(text) { this.childNodes = [String(text ?? "")]; }
  append(...nodes) {
    for (const node of nodes) {
      if (node instanceof Node) { node.remove(); node.parent = this; }
      this.childNodes.push(node instanceof Node ? node : String(node));
      if (node.tag === "script") load(node);
    }
  }
  remove() {
    if (this.parent) this.parent.childNodes = this.parent.childNodes.filter((child) => child !== this);
    this.parent = null;
  }
  replaceChildren(...nodes) { this.childNodes = []; this.append(...nodes); }
  replaceWith(node) {
    const { parent } = this;
    parent.childNodes[parent.childNodes.indexOf(this)] = node;
    [node.parent, this.parent] = [parent, null];
  }
  get all() { return this.children.flatMap((child) => [child, ...child.all]); }
  querySelectorAll(selector) {
    const tests = selector.split(/,\s*/).map((one) => /^(\w*)(?:\.(\w+))?(?:\[.*)?$/.exec(one));
    return this.all.filter((node) => tests.some((t) => t && (!t[1] || node.tag === t[1]) &&
      (!t[2] || node.classList.contains(t[2]))));
  }
  querySelector(selector) { return this.querySelectorAll(selector)[0] ?? null; }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  getAttribute(name) { return this[name] ?? this.attributes[name] ?? null; }
  addEventListener(name, action) { this[`on${name}`] = action; }
  focus() {}
  closest() { return null; }
  showModal() { this.open = true; }
  close() { this.open = false; this.onclose?.(); }
}

function built(tree) {
  if (typeof tree === "string") return tree;
  const node = new Node(tree.tag);
  node.attributes = tree.attributes;
  for (const name of ["id", "href", "class", "value"]) {
    if (name in tree.attributes) node[name === "class" ? "className" : name] = tree.attributes[name];
  }
  node.hidden = "hidden" in tree.attributes;
  for (const [name, value] of Object.entries(tree.attributes)) {
    if (name.startsWith("data-")) node.dataset[name.slice(5)] = value;
  }
  node.append(...tree.children.map(built));
  return node;
}

function load(script) {
  const text = input.data[script.src?.replace(/\?.*/, "")];
  setImmediate(() => {
    if (text === undefined) return script.onerror?.();
    document.currentScript = script;
    vm.runInContext(text, context);
    document.currentScript = null;
    script.onload();
  });
}

const root = built(input.html);
const listeners = {};
const document = {
  documentElement: root, head: root.querySelector("head"), body: root.querySelector("body"),
  getElementById: (id) => root.all.find((node) => node.id === id) ?? null,
  createElement: (tag) => new Node(tag),
  querySelector: (selector) => root.querySelector(selector),
  querySelectorAll: (selector) => selector.startsWith("[data-word]")
    ? root.all.filter((node) => node.dataset.word) : root.querySelectorAll(selector),
  addEventListener: (name, action) => { listeners[name] = action; },
  activeElement: null, currentScript: null,
};
const window = { addEventListener: () => {}, scrollY: 0, innerWidth: 1200, innerHeight: 1e6 };
const context = vm.createContext({
  // What steps may call: a click on a picture.
  open: (card) => listeners.click({ target: { closest: () => card }, preventDefault() {} }),
  window, document, navigator: { language: input.language ?? "en" }, Intl, CSS: { escape: String },
  location: { pathname: "/a/index.html", search: "", hash: "" }, history: { replaceState() {} },
  localStorage: { getItem: () => null, setItem() {} }, setTimeout: () => 0, clearInterval() {},
  setInterval: () => 0, ResizeObserver: class { observe() {} }, Image: class {}, DOMParser: class {
    parseFromString() { return { documentElement: { localName: "none" } }; }
  },
});
Object.defineProperty(context, "guidedGallery", { get: () => window.guidedGallery });
const shown = (node) => typeof node === "string" ? node : {
  tag: node.tag, children: node.tag === "script" || node.tag === "style" ? [] : node.childNodes.map(shown),
  attributes: Object.fromEntries(["id", "href", "src", "value", "hidden", "controls", "open", "alt", "className"]
    .filter((name) => node[name] !== undefined && node[name] !== false).map((name) => [name, node[name]])),
};

(async () => {
  vm.runInContext(input.program, context);
  for (const step of ["", ...input.steps]) {
    for (let k = 0; k < 20; k++) await new Promise(setImmediate);  // all that waits
    vm.runInContext(step, context);
  }
  for (let k = 0; k < 20; k++) await new Promise(setImmediate);
  process.stdout.write(JSON.stringify(shown(root)));
})();
