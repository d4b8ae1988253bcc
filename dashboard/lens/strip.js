// The architecture strip: boxes in columns and rows, one inside another, with what flows between them.
//
// A click on a box picks it, whether it is a layer or holds several; one on its triangle unfolds or folds it. With keys,
// Enter picks, and + or the space bar unfolds.
//
// data: bytes of JSON: boxes (name, label, kind, task, shape, weights, multiply-adds, field, parent, column, row, layers),
// holders before what they hold; edges (source, target, parent, lane), null = the outside of the parent; the picked
// box and the picked layer's name. What is unfolded is decided here: the layout holds for every state.
// strip.places.js and strip.table.js stand before this file in one module.

const FIELDS = ["name", "label", "kind", "task", "shape", "weights", "work", "field", "parent", "column", "row", "layers"];
const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
const all = new WeakMap();

class Strip {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.open = new Set();
    const sheet = this.find("sheet");
    sheet.addEventListener("click", (event) => this.act(boxOf(event), event.target.closest(".fold")));
    sheet.addEventListener("keydown", (event) => this.key(event));
    sheet.addEventListener("pointerover", (event) => this.point(boxOf(event)));
    sheet.addEventListener("pointerleave", () => this.point(null));
    sheet.addEventListener("focusin", (event) => this.point(boxOf(event)));
    sheet.addEventListener("focusout", () => this.point(null));
    this.find("depths").addEventListener("click", (event) => this.unfold(event.target.dataset.depth));
    this.find("scroll").addEventListener("scroll", () => this.fade());
    new ResizeObserver(() => this.fade()).observe(this.find("scroll"));
    this.find("tabular").addEventListener("click", () => this.tabular());
    this.rows = new Rows(this.find("rows"), this.find("find"), (id) => this.pick(id));
  }

  // Takes new data; what the user unfolded stays as long as the network is the same.
  show(data, send) {
    const { network, picked, name, side, followed, boxes, edges } = JSON.parse(new TextDecoder().decode(data));
    this.send = send;
    const other = network !== this.network;
    const moved = other || picked !== this.picked;
    this.picked = picked;
    if (other) {
      this.network = network;
      this.boxes = boxes.map((box, id) => ({ id, side, followed, ...Object.fromEntries(box.map((value, i) => [FIELDS[i], value])) }));
      this.inside = group(this.boxes, (box) => box.parent);
      this.edges = group(edges, (edge) => edge[2]);
      this.open.clear();
      this.here = picked ?? 0;
      this.find("legend").replaceChildren(...legend(this.boxes));
      this.rows.take(this.boxes, (id) => this.holders(id).length);
    }
    if (moved) this.holders(picked).forEach((id) => this.open.add(id));
    if (moved && !this.focused()) this.here = picked ?? 0;
    if (moved) {
      this.draw();
      this.rows.mark(picked);
      this.bring(picked);
    }
    this.root.querySelector(".network").dataset.ready = `${network} ${name}`;
  }

  holders(id) {
    const found = [];
    for (let at = this.boxes[id]?.parent; at != null; at = this.boxes[at].parent) found.push(at);
    return found;
  }

  draw() {
    const had = this.focused();
    const sheet = this.find("sheet");
    this.rects = new Map();
    this.paths = [];
    this.nodes = [];
    const size = arrange(null, this);
    this.place(null, size, 0, 0);
    sheet.style.width = `${size.wide}px`;
    sheet.style.height = `${size.high}px`;
    const lines = svg("svg", { width: size.wide, height: size.high, "aria-hidden": "true" });
    lines.append(...this.paths);
    sheet.replaceChildren(lines, ...this.nodes);
    if (!this.rects.has(this.here)) this.here = this.holders(this.here).find((id) => this.rects.has(id)) ?? 0;
    this.mark();
    if (had) this.item(this.here)?.focus({ preventScroll: true });
    for (const button of this.find("depths").children) {
      const all = this.to(button.dataset.depth);
      button.setAttribute("aria-pressed", String(all.length === this.open.size && all.every((id) => this.open.has(id))));
    }
    this.fade();
  }

  // Lists what is unfolded down to a depth.
  to(depth) {
    return this.boxes.filter((box) => box.layers && this.holders(box.id).length < Number(depth)).map((box) => box.id);
  }

  // Fades the side on which there is more to see.
  fade() {
    const view = this.find("scroll");
    view.classList.toggle("more-left", view.scrollLeft > 4);
    view.classList.toggle("more-right", view.scrollLeft + view.clientWidth < view.scrollWidth - 4);
  }

  // Makes the nodes and lines of what a box holds, with its corner at (x, y).
  place(parent, { wide, plan }, x, y) {
    const ends = new Map();
    const inset = parent === null ? END - 16 : 0;
    if (parent === null) {
      this.nodes.push(end("picture", x + 4, y + plan.axes[0]), end("classes", x + wide - 62, y + plan.axes[0]));
    }
    for (const { box, ...kid } of plan.kids) {
      const left = x + plan.left[box.column] + (plan.columns[box.column] - kid.wide) / 2;
      const top = y + plan.axes[box.row] - kid.axis;
      ends.set(box.id, { box, left, right: left + kid.wide });
      this.node(box, left, top, kid);
      if (kid.plan) this.place(box.id, kid, left, top);
    }
    for (const [source, target, , lane] of this.edges.get(parent) ?? []) {
      const [from, to] = [ends.get(source), ends.get(target)];
      const out = { x: from?.right ?? x + inset, row: from?.box.row ?? 0 };
      const into = { x: to?.left ?? x + wide - inset, row: to?.box.row ?? 0 };
      out.y = y + plan.axes[out.row];
      into.y = y + plan.axes[into.row];
      out.turn = (from ? x + plan.left[from.box.column] + plan.columns[from.box.column] : out.x) + (lane ? 9 : GAP / 2 - 4);
      into.turn = (to ? x + plan.left[to.box.column] : into.x) - (lane ? 9 : GAP / 2 - 4);
      const over = lane ? y + plan.axes[out.row] - plan.up[out.row] - 4 - lane * plan.step[out.row] : null;
      this.paths.push(svg("path", { d: way(out, into, over), "data-from": source ?? "", "data-to": target ?? "" }));
    }
  }

  node(box, left, top, size) {
    this.rects.set(box.id, { x: left + size.wide / 2, y: size.plan ? top + HEAD / 2 : top + size.high / 2, left, top, ...size });
    if (size.plan) {
      const frame = document.createElement("div");
      frame.className = "frame";
      frame.setAttribute("aria-hidden", "true");
      at(frame, left, top, size.wide, size.high);
      this.nodes.push(frame);
    }
    const item = document.createElement("div");
    item.setAttribute("role", "treeitem");
    item.setAttribute("aria-level", String(1 + this.holders(box.id).length));
    item.setAttribute("aria-label", said(box));
    if (box.layers) item.setAttribute("aria-expanded", String(Boolean(size.plan)));
    item.dataset.box = box.id;
    item.dataset.task = box.task;
    item.tabIndex = -1;
    item.title = box.name;
    if (size.plan) asHead(item, box);
    else asCard(item, box);
    at(item, left, top, size.wide, size.plan ? HEAD : HIGH);
    this.nodes.push(item);
  }

  // Marks the picked box, or the closed box that holds it, and which box the Tab key reaches.
  mark() {
    const holding = this.rects.has(this.picked) ? null : this.holders(this.picked).find((id) => this.rects.has(id));
    for (const item of this.root.querySelectorAll('[role="treeitem"]')) {
      const id = Number(item.dataset.box);
      item.setAttribute("aria-selected", String(id === this.picked));
      item.classList.toggle("holds", id === holding);
      item.tabIndex = id === this.here ? 0 : -1;
    }
    this.point(null);
  }

  // Says what a box is, and brings out what flows into it and out of it.
  point(id) {
    const shown = id ?? this.picked;
    for (const path of this.paths) {
      const ends = [path.dataset.from, path.dataset.to];
      path.classList.toggle("near", shown !== null && ends.includes(String(shown)));
    }
    const box = this.boxes[shown];
    this.find("readout").textContent = box ? `${id === null || id === this.picked ? "Picked: " : ""}${said(box)}` : "";
  }

  act(id, fold) {
    if (id === null) return;
    this.here = id;
    if (fold && this.boxes[id].layers) this.toggle(id);
    else this.pick(id);
  }

  toggle(id) {
    if (!this.open.delete(id)) this.open.add(id);
    this.draw();
    this.item(id)?.focus({ preventScroll: true });
    this.bring(id, false);
    const rect = this.rects.get(id), view = this.find("scroll");
    const beyond = rect.left + rect.wide + GAP - view.scrollLeft - view.clientWidth;
    if (beyond > 0) view.scrollLeft += Math.min(beyond, Math.max(0, rect.left - GAP - view.scrollLeft));
  }

  pick(id) {
    this.picked = this.here = id;
    this.holders(id).forEach((holder) => this.open.add(holder));
    this.draw();
    this.rows.mark(this.picked);
    this.send(this.boxes[id].name);
  }

  unfold(depth) {
    if (depth === undefined) return;
    this.open = new Set(this.to(depth));
    if (this.rows.shown) this.tabular();
    this.draw();
    this.bring(this.rects.has(this.picked) ? this.picked : this.here);
  }

  key(event) {
    const id = boxOf(event);
    if (id === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") this.act(id);
    else if ([" ", "+", "-"].includes(event.key)) this.act(id, true);
    else if (STEPS[event.key]) this.go(this.nearest(id, STEPS[event.key]));
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go([...this.rects.keys()].at(-1));
    else if (event.key === "Escape" && this.boxes[id].parent !== null) this.toggle(this.boxes[id].parent);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Finds the closest box in a direction; what lies aside counts three times as far.
  nearest(id, [right, down]) {
    const from = this.rects.get(id);
    let best = id, least = Infinity;
    for (const [other, to] of this.rects) {
      const [x, y] = [to.x - from.x, to.y - from.y];
      const ahead = x * right + y * down;
      const away = ahead + 3 * Math.abs(right ? y : x);
      if (ahead > 1 && away < least) [best, least] = [other, away];
    }
    return best;
  }

  go(id) {
    this.here = id;
    for (const item of this.root.querySelectorAll('[role="treeitem"]')) item.tabIndex = Number(item.dataset.box) === id ? 0 : -1;
    this.item(id)?.focus({ preventScroll: true });
    this.bring(id, false);
  }

  // Scrolls the strip, never the page, until a box is in sight; to its middle unless told otherwise.
  bring(id, middle = true) {
    const rect = this.rects.get(id), view = this.find("scroll");
    if (!rect || !view.clientWidth) return;
    const high = rect.plan ? HEAD : HIGH;
    const inSight = rect.left >= view.scrollLeft && rect.left + WIDE <= view.scrollLeft + view.clientWidth;
    if (middle || !inSight) {
      view.scrollLeft = whole(rect, this.rects, view.clientWidth, this.find("sheet").clientWidth);
    }
    const seen = rect.top >= view.scrollTop && rect.top + high <= view.scrollTop + view.clientHeight;
    if (!seen) view.scrollTop = rect.top + high / 2 - view.clientHeight / 2;
  }

  item(id) {
    return this.root.querySelector(`[role="treeitem"][data-box="${id}"]`);
  }

  focused() {
    const active = this.find("sheet").getRootNode().activeElement;
    return Boolean(active?.closest?.('[role="treeitem"]'));
  }

  tabular() {
    const shown = !this.rows.shown;
    this.rows.show(shown);
    this.find("tabular").setAttribute("aria-pressed", String(shown));
    this.find("find-label").hidden = !shown;
    this.find("scroll").hidden = shown;
    this.find("legend").hidden = shown;
    if (!shown) this.bring(this.picked);
  }
}

function boxOf(event) {
  const item = event.target.closest('[role="treeitem"]');
  return item ? Number(item.dataset.box) : null;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let strip = all.get(parentElement);
  if (!strip) {
    strip = new Strip(parentElement);
    all.set(parentElement, strip);
  }
  strip.show(data, (name) => setTriggerValue("picked", name));
}
