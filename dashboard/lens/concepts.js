// The parts of a layer: a painted picture, and a list in which each part can be looked at alone.
//
// data: { alt, hint, caption, all, parts: [{ number, colour, ink, adds, where, share, alone, mark }], zero }. `all` and
// `alone` are addresses that hold pictures; `share` is -1..1 of the longest bar; `mark` is [down, across] in 0..1.

const all = new WeakMap();

function node(kind, name, text = "") {
  const made = document.createElement(kind);
  made.className = name;
  made.textContent = text;
  return made;
}

function number(part) {
  const made = node("span", "number", part.number);
  made.style.background = part.colour;
  made.style.color = part.ink;
  return made;
}

class Concepts {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.root = root;
    this.picked = null;
    this.pointed = null;
    const legend = this.find("legend");
    legend.addEventListener("pointerover", (event) => this.point(event));
    legend.addEventListener("pointerleave", () => this.look(null));
    legend.addEventListener("click", (event) => this.pick(event));
  }

  show(data) {
    if (this.data?.all !== data.all) this.picked = this.pointed = null;
    this.data = data;
    this.find("caption").textContent = data.caption;
    this.find("legend").replaceChildren(...data.parts.map((part) => this.row(part)));
    this.draw();
    this.root.querySelector(".concepts").dataset.ready = data.parts.length;
  }

  row(part) {
    const made = node("button", "part");
    made.type = "button";
    made.dataset.number = part.number;
    const thumb = node("img", "");
    thumb.src = part.alone;
    thumb.alt = "";
    const said = node("span", "said");
    said.append(node("span", "adds", part.adds), node("span", "where", part.where));
    made.append(number(part), thumb, said, this.bar(part));
    made.setAttribute("aria-label", `Part ${part.number}: ${part.adds}, ${part.where}`);
    return made;
  }

  // From zero to the right where the part adds, to the left where it takes away.
  bar(part) {
    const made = node("span", "bar");
    const fill = node("span", "fill");
    const { zero } = this.data;
    const wide = Math.abs(part.share) * (part.share < 0 ? zero : 1 - zero);
    fill.style.left = `${100 * (part.share < 0 ? zero - wide : zero)}%`;
    fill.style.width = `max(2px, ${100 * wide}%)`;
    fill.style.background = part.colour;
    made.append(fill);
    if (zero > 0) {
      const line = node("span", "zero");
      line.style.left = `${100 * zero}%`;
      made.append(line);
    }
    return made;
  }

  part(event) {
    const row = event.target.closest(".part");
    return row ? Number(row.dataset.number) : null;
  }

  point(event) {
    if (event.pointerType === "mouse") this.look(this.part(event));
  }

  look(part) {
    this.pointed = part;
    this.draw();
  }

  // A second click on the same part brings all of them back.
  pick(event) {
    const part = this.part(event);
    if (part === null) return;
    this.picked = this.picked === part ? null : part;
    this.pointed = null;
    this.draw();
  }

  draw() {
    const shown = this.pointed ?? this.picked;
    const part = this.data.parts.find((one) => one.number === shown);
    const picture = this.find("picture");
    picture.src = part ? part.alone : this.data.all;
    picture.alt = part ? `Part ${part.number} alone: ${part.where}. ${part.adds}.` : this.data.alt;
    const marks = this.data.parts.filter((one) => one.mark && (!part || one === part));
    this.find("marks").replaceChildren(...marks.map((one) => this.mark(one)));
    this.find("readout").textContent = part ? `Part ${part.number} alone, wherever it is present.` : this.data.hint;
    for (const row of this.find("legend").children) {
      row.setAttribute("aria-pressed", String(Number(row.dataset.number) === this.picked));
    }
  }

  mark(part) {
    const made = number(part);
    made.classList.add("mark");
    made.style.top = `${100 * part.mark[0]}%`;
    made.style.left = `${100 * part.mark[1]}%`;
    return made;
  }
}

export default function ({ data, parentElement }) {
  let concepts = all.get(parentElement);
  if (!concepts) {
    concepts = new Concepts(parentElement);
    all.set(parentElement, concepts);
  }
  concepts.show(data);
}
