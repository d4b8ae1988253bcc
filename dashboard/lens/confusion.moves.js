// What the pointer, the wheel and the keys do to the confusion matrix: point, drag, zoom, walk and pick.

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const ZOOM = 1.6;

class Moves {
  listen() {
    this.at = null;
    this.pressed = new Map();
    for (const kind of ["down", "move", "up", "cancel", "leave"]) {
      this.canvas.addEventListener(`pointer${kind}`, (event) => this.box && this[kind](event));
    }
    this.canvas.addEventListener("wheel", (event) => this.box && this.wheel(event), { passive: false });
    this.canvas.addEventListener("keydown", (event) => this.box && this.key(event));
    this.find("zoom").addEventListener("click", (event) => this.button(event.target.dataset.zoom));
  }

  // Keeps the part that is seen inside the matrix.
  clamp() {
    const { view, size, box } = this;
    const between = (value, least, most) => Math.min(most, Math.max(least, value));
    view.span = between(view.span, box.least, size);
    view.left = between(view.left, 0, size - view.span);
    view.top = between(view.top, 0, size - view.span);
  }

  // Where an event is, as shares of the side of the matrix.
  spot(event) {
    const frame = this.canvas.getBoundingClientRect();
    const { left, top, side } = this.box;
    return [(event.clientX - frame.left - left) / side, (event.clientY - frame.top - top) / side];
  }

  // The cell under the pointer; where cells are tiny, the nearest that is not empty.
  under(event) {
    const [x, y] = this.spot(event);
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return null;
    const column = Math.floor(this.view.left + x * this.view.span);
    const row = Math.floor(this.view.top + y * this.view.span);
    const reach = this.wide < 9 ? Math.ceil(6 / this.wide) : 0;
    let [best, least] = [this.placed(row, column), Infinity];
    for (let down = -reach; down <= reach; down += 1) {
      for (let across = -reach; across <= reach; across += 1) {
        const away = down * down + across * across;
        const at = away < least ? this.placed(row + down, column + across) : null;
        if (at && this.cell(at)) [best, least] = [at, away];
      }
    }
    return best;
  }

  // The cell at a position, or nothing outside the matrix.
  placed(row, column) {
    const [place, guess] = [this.order[row], this.order[column]];
    return place === undefined || guess === undefined ? null : { row: place, column: guess };
  }

  down(event) {
    this.pressed.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.dragged = this.pressed.size > 1;
    this.point(this.under(event));
  }

  move(event) {
    // While the page is scrolled under a resting pointer, the wheel goes on scrolling it.
    this.meant ||= event.movementX !== 0 || event.movementY !== 0;
    const held = this.pressed.get(event.pointerId);
    if (!held) {
      this.point(this.under(event));
      return;
    }
    const [x, y] = [event.clientX - held.x, event.clientY - held.y];
    if (!this.dragged && Math.hypot(x, y) < 5) return;
    if (!this.dragged) this.canvas.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.canvas.classList.add("dragged");
    if (this.pressed.size > 1) this.pinch(event, held);
    this.view.left -= x / this.wide / this.pressed.size;
    this.view.top -= y / this.wide / this.pressed.size;
    Object.assign(held, { x: event.clientX, y: event.clientY });
    this.refresh(true);
  }

  pinch(event, held) {
    const [other] = [...this.pressed.values()].filter((one) => one !== held);
    const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y);
    const middle = { clientX: (event.clientX + other.x) / 2, clientY: (event.clientY + other.y) / 2 };
    this.zoom(apart({ x: event.clientX, y: event.clientY }) / Math.max(1, apart(held)), this.spot(middle));
  }

  up(event) {
    if (this.pressed.has(event.pointerId) && !this.dragged) this.pick(this.under(event));
    this.cancel(event);
  }

  cancel(event) {
    this.pressed.delete(event.pointerId);
    this.canvas.classList.remove("dragged");
  }

  leave(event) {
    this.meant = false;
    if (!this.canvas.hasPointerCapture(event.pointerId)) this.cancel(event);
    if (event.pointerType !== "touch") this.point(null);
  }

  wheel(event) {
    if (!this.meant && !event.ctrlKey) return;
    const turned = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    if (this.zoom(Math.exp(-0.002 * turned), this.spot(event)) || event.ctrlKey) event.preventDefault();
  }

  // Makes cells `factor` times as wide around a spot; whether anything changed.
  zoom(factor, [x, y]) {
    const before = this.view.span;
    this.view.span = Math.min(this.size, Math.max(this.box.least, before / factor));
    this.view.left += x * (before - this.view.span);
    this.view.top += y * (before - this.view.span);
    this.clamp();
    this.refresh(true);
    return before !== this.view.span;
  }

  button(name) {
    if (name === "whole") this.zoom(0, [0, 0]);
    else if (name) this.zoom(name === "in" ? ZOOM : 1 / ZOOM, this.middle());
  }

  // Around what keys and buttons zoom: the cell pointed at or picked; else where the mistakes are, or the middle.
  middle() {
    const cell = this.at ?? this.chosen();
    const { left, top, span } = this.view;
    if (cell) {
      const share = (place, start) => Math.min(1, Math.max(0, (this.position[place] + 0.5 - start) / span));
      return [share(cell.column, left), share(cell.row, top)];
    }
    return this.byMistakes && span === this.size ? [0, 0] : [0.5, 0.5];
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const size = event.shiftKey ? 10 : 1;
    const acts = {
      Enter: () => this.pick(this.at),
      " ": () => this.pick(this.at),
      Escape: () => this.point(null),
      PageDown: () => this.jump(1),
      PageUp: () => this.jump(-1),
      "+": () => this.zoom(ZOOM, this.middle()),
      "=": () => this.zoom(ZOOM, this.middle()),
      "-": () => this.zoom(1 / ZOOM, this.middle()),
      0: () => this.button("whole"),
    };
    if (ARROWS[event.key]) this.walk(ARROWS[event.key], size);
    else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  walk([down, across], size) {
    const from = this.at ?? this.chosen() ?? this.placed(Math.floor(this.view.top), Math.floor(this.view.left));
    const moved = this.at ? size : 0;
    const step = (place, by) => Math.min(this.size - 1, Math.max(0, this.position[place] + by * moved));
    this.reveal(this.placed(step(from.row, down), step(from.column, across)));
  }

  // From one mistake to the next rarer or more frequent one.
  jump(by) {
    const here = this.at ? this.mistakes.indexOf(this.cell(this.at)) : -1;
    const next = Math.min(this.mistakes.length - 1, Math.max(0, here + by));
    if (this.mistakes[next]) this.reveal({ row: this.mistakes[next].row, column: this.mistakes[next].column });
  }

  // Points at a cell and moves it into sight.
  reveal(cell) {
    const { view } = this;
    const seen = (start, position) => Math.min(position, Math.max(start, position + 1 - view.span));
    const [left, top] = [seen(view.left, this.position[cell.column]), seen(view.top, this.position[cell.row])];
    const moved = left !== view.left || top !== view.top;
    Object.assign(view, { left, top });
    this.point(cell);
    this.refresh(moved);
  }

  point(cell) {
    if (cell?.row === this.at?.row && cell?.column === this.at?.column) return;
    this.at = cell;
    this.refresh();
  }

  pick(at) {
    if (!at || !this.cell(at)) return;
    const { labels } = this.header;
    this.send(`${labels[at.row]}-${labels[at.column]}`);
  }

  read() {
    this.find("readout").textContent = this.at ? this.inWords(this.at) : this.header.hint;
  }

  inWords({ row, column }) {
    const { names, of } = this.header;
    const found = this.cell({ row, column });
    const pictures = `${of[row].toLocaleString("en")} ${of[row] === 1 ? "picture" : "pictures"} of ${names[row]}`;
    const shares = found ? `${found.count.toLocaleString("en")} of ${pictures} (${percent(found.share)})` : `none of ${pictures}`;
    if (of[row] === 0) return `No picture is of ${names[row]}; it only occurs as a guess.`;
    return row === column ? `Named right: ${shares}.` : `True class ${names[row]}, first guess ${names[column]}: ${shares}.`;
  }
}
