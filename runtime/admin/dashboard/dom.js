// Making and changing elements.
//
// Invariant: whatever comes from outside becomes text, never markup. Nothing here, or anywhere in the dashboard, parses
// HTML; the page's Content-Security-Policy (Trusted Types) would refuse it.

const SVG = "http://www.w3.org/2000/svg";

// An element with these properties (`class`, `on…` and attributes) and children, which are nodes or text.
export function el(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

export function button(label, onclick, properties = {}) {
  return el("button", { type: "button", onclick, ...properties }, label);
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") {
      node.addEventListener(name.slice(2), value);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value != null) {
      node.setAttribute(name, value);
    }
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Sets a node's text, if it is another: what doesn't change costs no layout and keeps its selection.
export function text(node, value) {
  const wanted = String(value ?? "");
  if (node.textContent !== wanted) node.textContent = wanted;
}

// Sets a node's text, and hides it where there is none.
export function textOrNothing(node, value) {
  text(node, value);
  show(node, value != null && value !== "");
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

export function attribute(node, name, value) {
  if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// The children of a node, each of which shows an item and is kept while there is an item of its key. Keys stand in the
// order of the last update, as on the screen.
export class Keyed {
  #parent;
  #make;
  #views = new Map();

  // `make(item)` gives a view: its `node`, and `update(item, …)`.
  constructor(parent, make) {
    this.#parent = parent;
    this.#make = make;
  }

  get(key) {
    return this.#views.get(key);
  }

  keys() {
    return [...this.#views.keys()];
  }

  update(items, keyOf, ...context) {
    const wanted = new Map(items.map((item) => [keyOf(item), item]));
    for (const [key, view] of this.#views) {
      if (!wanted.has(key)) {
        view.node.remove();
        this.#views.delete(key);
      }
    }
    let next = this.#parent.firstChild;
    for (const [key, item] of wanted) {
      let view = this.#views.get(key);
      view ??= this.#make(item);
      this.#views.delete(key);
      this.#views.set(key, view);
      view.update(item, ...context);
      // Only what stands elsewhere is moved: a node that is moved loses its focus.
      if (view.node === next) next = next.nextSibling;
      else this.#parent.insertBefore(view.node, next);
    }
  }
}
