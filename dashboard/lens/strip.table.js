// The table of the architecture strip, and how a box is put into words and drawn; stands before strip.js in one module.

// All boxes as rows, one button each; arrow keys move from row to row.
class Rows {
  constructor(place, find, pick) {
    Object.assign(this, { place, find, pick, picked: null });
    find.addEventListener("input", () => this.filter());
    place.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.pick(Number(button.dataset.box));
    });
    place.addEventListener("keydown", (event) => this.key(event));
  }

  get shown() {
    return !this.place.hidden;
  }

  // Takes another network; `depth` tells how many boxes hold a box.
  take(boxes, depth) {
    Object.assign(this, { boxes, depth });
    this.place.replaceChildren();
    this.find.value = "";
    if (this.shown) this.build();
  }

  show(shown) {
    this.place.hidden = !shown;
    if (!shown) return;
    if (!this.place.firstChild) this.build();
    this.filter();
    const row = this.place.querySelector('[data-picked="true"]');
    if (row) this.place.scrollTop = row.offsetTop - this.place.clientHeight / 2;
  }

  build() {
    const table = document.createElement("table");
    table.createCaption().textContent = "All stages, blocks and layers; a button picks one.";
    const top = table.createTHead().insertRow();
    for (const name of ["Layer", "Kind", "Output", "Weights", "Multiply-adds", "Sees, pixels"]) top.append(cell("th", name, "col"));
    const body = table.createTBody();
    for (const box of this.boxes) this.row(body.insertRow(), box);
    this.place.append(table);
    this.mark(this.picked);
  }

  row(row, box) {
    const first = cell("th", "", "row");
    const button = text("button", box.label);
    button.type = "button";
    button.dataset.box = box.id;
    button.title = box.name;
    first.style.paddingLeft = `${0.3 + 1.2 * this.depth(box.id)}rem`;
    first.className = box.layers ? "group" : "";
    first.append(button);
    const field = box.field ? `${box.field.join(" x ")}${seesAll(box) ? " (everything)" : ""}` : "everything";
    const values = [kindOf(box), shapeOf(box), box.weights.toLocaleString("en"), box.work.toLocaleString("en"), field];
    row.append(first, ...values.map((value) => cell("td", value)));
  }

  mark(picked) {
    this.picked = picked;
    for (const button of this.place.querySelectorAll("button")) {
      const chosen = Number(button.dataset.box) === picked;
      button.closest("tr").dataset.picked = chosen;
      button.tabIndex = chosen ? 0 : -1;
      if (chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  filter() {
    const wanted = this.find.value.trim().toLowerCase();
    const buttons = [...this.place.querySelectorAll("button")];
    for (const button of buttons) {
      const box = this.boxes[button.dataset.box];
      button.closest("tr").hidden = !`${box.name} ${box.kind}`.toLowerCase().includes(wanted);
    }
    const seen = buttons.filter((button) => !button.closest("tr").hidden);
    if (seen.length && !seen.some((button) => button.tabIndex === 0)) seen[0].tabIndex = 0;
  }

  key(event) {
    const buttons = [...this.place.querySelectorAll("tr:not([hidden]) button")];
    const from = buttons.indexOf(event.target);
    const next = { ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (from < 0 || !buttons[next]) return;
    event.preventDefault();
    buttons[from].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  }
}

function said(box) {
  const more = seesAll(box) ? `, more than the whole ${box.side} x ${box.side} picture` : "";
  const sees = box.field ? `sees ${box.field.join(" x ")} pixels${more}` : box.followed ? "sees the whole picture" : "";
  const counts = [box.weights && `${box.weights.toLocaleString("en")} weights`, box.work && `${short(box.work)} multiply-adds`];
  const name = box.layers ? box.label : box.name;
  return [name, kindOf(box), `gives ${shapeOf(box)}`, ...counts, sees].filter(Boolean).join(" · ");
}

// The head of an unfolded box; its words stay in sight while the strip is scrolled along a wide frame.
function asHead(item, box) {
  item.className = "head";
  const words = text("div", "");
  const held = [kindOf(box), shapeOf(box), `${short(box.weights)} weights`].join(" · ");
  words.append(fold(true), text("b", box.label), text("span", held));
  item.append(words);
}

function asCard(item, box) {
  item.className = box.layers ? "box group" : "box";
  if (box.layers) item.append(fold(false));
  item.append(text("b", clipped(box.label)), text("span", kindOf(box), "quiet"), text("span", shapeOf(box)));
  if (box.weights) item.append(text("span", `${short(box.weights)} weights`));
  if (box.work) item.append(text("span", `${short(box.work)} mult-adds`));
  const some = box.field && !seesAll(box);
  if (some || box.followed) item.append(text("span", some ? `sees ${box.field.join(" x ")} px` : "sees everything", "quiet"));
}

// What unfolds a box or folds it; screen readers know that from the box itself.
function fold(open) {
  const triangle = text("i", open ? "\u25be" : "\u25b8", "fold");
  triangle.setAttribute("aria-hidden", "true");
  triangle.title = open ? "Fold" : "Unfold";
  return triangle;
}

function legend(boxes) {
  const tasks = [...new Set(boxes.map((box) => box.task))].filter((task) => task !== "group" && task !== "other");
  return tasks.map((task) => {
    const entry = text("span", task);
    entry.dataset.task = task;
    entry.prepend(document.createElement("i"));
    return entry;
  });
}

// A field may be larger than the picture; what lies beyond is padding.
function seesAll(box) {
  return Boolean(box.field) && Math.min(...box.field) > box.side;
}

function kindOf(box) {
  const held = `${box.layers} layers`;
  return box.layers ? [box.kind, held].filter(Boolean).join(", ") : box.kind;
}

function shapeOf(box) {
  return box.shape.join(" x ");
}

// A long name without its first words: what tells neighbours apart stands at its end.
function clipped(label) {
  let rest = label;
  while (rest.length > 17 && /\.[A-Za-z]/.test(rest) && !rest.includes(" ")) rest = rest.slice(rest.search(/\.[A-Za-z]/) + 1);
  return rest === label ? label : `\u2026${rest}`;
}

// 115,605,504 as "116 M".
function short(count) {
  const [size, unit] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => count >= size) ?? [1, ""];
  const value = count / size;
  return `${value < 100 && unit ? Number(value.toPrecision(3)) : Math.round(value)}${unit && ` ${unit}`}`;
}

function text(tag, words, name = "") {
  const node = document.createElement(tag);
  node.className = name;
  node.textContent = words;
  return node;
}

function cell(tag, words, scope) {
  const node = text(tag, words);
  if (scope) node.scope = scope;
  return node;
}
