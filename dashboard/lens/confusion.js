// The confusion matrix: rows are true classes, columns first guesses; zoomed, dragged, walked over with the keys.
//
// data: bytes = 4-byte little-endian length, a JSON header, and of the cells that are not empty the counts (uint32),
// rows and columns (uint16 each). A "place" is a class by its number in the header, a "position" where it is drawn.
// confusion.paint.js and confusion.moves.js stand before this file in one module.

const all = new WeakMap();
const LARGEST = 640;
const WIDEST_CELL = 64;

function unpack(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  let start = 4 + size;
  const take = (Kind) => {
    const length = header.cells * Kind.BYTES_PER_ELEMENT;
    return new Kind(bytes.slice(start, (start += length)).buffer);
  };
  return { header, counts: take(Uint32Array), rows: take(Uint16Array), columns: take(Uint16Array) };
}

class Confusion extends Moves {
  constructor(root) {
    super();
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.canvas = this.find("sheet");
    this.listen();
    this.canvas.addEventListener("transitionend", () => this.refresh(true));
    root.querySelector(".switch").addEventListener("click", (event) => this.sort(event.target.dataset.order));
    const frame = this.canvas.parentElement;
    new ResizeObserver(() => this.refresh(frame.clientWidth !== this.across)).observe(frame);
  }

  // Takes new data; what the user looks at stays as long as the matrix is the same.
  show(data, send) {
    this.send = send;
    const { header, counts, rows, columns } = unpack(data);
    const known = this.header?.grid === header.grid;
    this.header = header;
    if (!known) {
      const size = header.labels.length;
      this.size = size;
      this.cells = Array.from(counts, (count, i) => ({ row: rows[i], column: columns[i], count }));
      for (const cell of this.cells) cell.share = cell.count / header.of[cell.row];
      this.count = new Map(this.cells.map((cell) => [cell.row * size + cell.column, cell]));
      // What is painted later lies on top: mistakes over what is right, frequent ones over rare ones.
      this.cells.sort((a, b) => right(b) - right(a) || a.share - b.share);
      this.mistakes = this.cells.filter((cell) => !right(cell)).sort((a, b) => b.count - a.count || b.share - a.share);
      this.at = null;
      this.view = { left: 0, top: 0, span: size };
      this.sort(header.byMistakes ? "mistakes" : "class");
    }
    this.canvas.setAttribute("aria-label", header.alt);
    this.refresh(true);
    this.root.querySelector(".confusion").dataset.ready = header.answer;
  }

  sort(order) {
    if (!order) return;
    const { mistakes } = this.header;
    this.byMistakes = order === "mistakes";
    this.order = Array.from({ length: this.size }, (_, place) => place);
    if (this.byMistakes) this.order.sort((a, b) => mistakes[b] - mistakes[a] || a - b);
    this.position = [];
    this.order.forEach((place, position) => (this.position[place] = position));
    for (const button of this.root.querySelectorAll("[data-order]")) {
      button.setAttribute("aria-pressed", String(button.dataset.order === order));
    }
    this.refresh(true);
  }

  // What fits where, in CSS pixels: room for the names, the side of the matrix and of a cell.
  shape() {
    const width = (this.across = this.canvas.parentElement.clientWidth);
    const pen = this.canvas.getContext("2d");
    // In bold, as the names of the cell that is pointed at.
    pen.font = `700 12px ${this.theme.font}`;
    const longest = Math.max(...this.header.names.map((name) => pen.measureText(name).width));
    const left = Math.ceil(Math.max(82, Math.min(longest + 8, 170, 0.3 * width)));
    const side = Math.floor(Math.min(width - left - 2, LARGEST, WIDEST_CELL * this.size));
    const flat = longest + 6 <= side / this.size;
    const top = flat ? 2 * LINE + 12 : Math.ceil(Math.min(longest, 0.3 * width, 130)) + LINE + 14;
    const least = side / WIDEST_CELL < 0.9 * this.size ? side / WIDEST_CELL : this.size;
    return { left, top, side, flat, least, width: left + side + 2 };
  }

  refresh(anew = false) {
    if (!this.header) return;
    this.stale ||= anew;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (this.canvas.parentElement.clientWidth < 80) return;
    if (this.stale) this.lay();
    const { box, density } = this;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.sheet, 0, 0);
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.textBaseline = "alphabetic";
    paintNames(pen, this);
    if (this.chosen()) this.ring(pen, this.chosen(), this.theme.picked, 3);
    if (this.at) this.aim(pen);
    this.canvas.classList.toggle("zoomed", this.view.span < this.size);
    this.canvas.classList.toggle("over", Boolean(this.at && this.cell(this.at)));
    this.find("zoom").hidden = box.least === this.size;
    this.disable("out", this.view.span >= this.size);
    this.disable("whole", this.view.span >= this.size);
    this.disable("in", this.view.span <= box.least);
    const seen = Math.round(this.view.span);
    this.find("extent").textContent = seen < this.size ? `about ${seen} of ${this.size}` : `${this.size} classes`;
    this.read();
  }

  disable(zoom, off) {
    this.root.querySelector(`[data-zoom="${zoom}"]`).disabled = off;
  }

  // Draws all but what follows the pointer, once for each view.
  lay() {
    this.stale = false;
    this.theme = theme(this.root.querySelector(".confusion"));
    this.density = window.devicePixelRatio || 1;
    this.box = this.shape();
    const { left, top, side, width } = this.box;
    this.clamp();
    for (const sheet of [this.canvas, (this.sheet = new OffscreenCanvas(1, 1))]) {
      sheet.width = Math.round(width * this.density);
      sheet.height = Math.round((top + side + 2) * this.density);
    }
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${top + side + 2}px`;
    const pen = this.sheet.getContext("2d");
    pen.setTransform(this.density, 0, 0, this.density, 0, 0);
    pen.fillStyle = this.theme.tile;
    pen.beginPath();
    pen.roundRect(left, top, side, side, 4);
    pen.fill();
    if (this.wide * this.density < 7) this.paintDots(pen);
    else this.paintBoxes(pen);
    for (const bar of this.root.querySelectorAll("[data-hue]")) paintScale(bar, this.theme.ramps[bar.dataset.hue]);
  }

  get wide() {
    return this.box.side / this.view.span;
  }

  // The upper left corner of a cell, in CSS pixels.
  corner({ row, column }) {
    const x = this.box.left + (this.position[column] - this.view.left) * this.wide;
    return [x, this.box.top + (this.position[row] - this.view.top) * this.wide];
  }

  colour(cell) {
    return this.theme.ramps[right(cell) ? "right" : "wrong"][step(cell.share)];
  }

  paintDots(pen) {
    const { left, top, side } = this.box;
    const length = Math.max(2, Math.ceil(this.wide * this.density));
    const squares = this.cells.map((cell) => {
      const [x, y] = this.corner(cell);
      return [Math.floor((x - left) * this.density), Math.floor((y - top) * this.density), length, this.colour(cell).rgb];
    });
    const image = dots(Math.round(side * this.density), squares);
    const layer = new OffscreenCanvas(image.width, image.height);
    layer.getContext("2d").putImageData(image, 0, 0);
    pen.drawImage(layer, left, top, side, side);
  }

  paintBoxes(pen) {
    const { left, top, side } = this.box;
    const { wide } = this;
    const gap = wide > 12 ? 1 : 0.5;
    pen.save();
    pen.beginPath();
    pen.roundRect(left, top, side, side, 4);
    pen.clip();
    if (wide > 9) paintGrid(pen, this);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = `${Math.min(15, Math.max(10, wide * 0.36))}px ${this.theme.font}`;
    for (const cell of this.cells) {
      const [x, y] = this.corner(cell);
      if (x + wide < left || y + wide < top || x > left + side || y > top + side) continue;
      const { css: fill, ink } = this.colour(cell);
      pen.fillStyle = fill;
      pen.beginPath();
      pen.roundRect(x + gap / 2, y + gap / 2, wide - gap, wide - gap, Math.min(5, wide / 10));
      pen.fill();
      const text = String(cell.count);
      if (wide < 17 || pen.measureText(text).width > wide - 4) continue;
      pen.fillStyle = ink;
      pen.fillText(text, x + wide / 2, y + wide / 2 + 1);
    }
    pen.restore();
  }

  // Lines from the names to the cell that is pointed at; over large cells they would cross the counts.
  aim(pen) {
    const { left, top, side } = this.box;
    const [x, y] = this.corner(this.at).map((start) => start + this.wide / 2);
    this.ring(pen, this.at, this.theme.text, 2);
    if (this.wide >= 17) return;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, side, side);
    pen.clip();
    pen.strokeStyle = this.theme.text;
    pen.globalAlpha = 0.45;
    pen.lineWidth = 1;
    const half = Math.max(this.wide, 10) / 2;
    pen.beginPath();
    pen.moveTo(left, y);
    pen.lineTo(x - half, y);
    pen.moveTo(x, y - half);
    pen.lineTo(x, top);
    pen.stroke();
    pen.restore();
  }

  ring(pen, cell, colour, thickness) {
    const { left, top, side } = this.box;
    const [x, y] = this.corner(cell).map((start) => start + this.wide / 2);
    if (x < left || y < top || x > left + side || y > top + side) return;
    const half = Math.max(this.wide, 10) / 2;
    for (const [paint, width] of [[this.theme.ground, thickness + 2.5], [colour, thickness]]) {
      pen.strokeStyle = paint;
      pen.lineWidth = width;
      pen.beginPath();
      pen.roundRect(x - half, y - half, 2 * half, 2 * half, 3);
      pen.stroke();
    }
  }

  // The cell that was picked, where it is in the matrix.
  chosen() {
    const [row, column] = this.header.chosen ?? [-1, -1];
    return row < 0 || column < 0 ? null : { row, column };
  }

  cell({ row, column }) {
    return this.count.get(row * this.size + column);
  }
}

function right(cell) {
  return cell.row === cell.column;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let matrix = all.get(parentElement);
  if (!matrix) {
    matrix = new Confusion(parentElement);
    all.set(parentElement, matrix);
  }
  matrix.show(data, (cell) => setTriggerValue("picked", cell));
}
