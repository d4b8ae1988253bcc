// What a unit sees: the picture with its field, and beside it the channel's map, in which each cell is a unit.
//
// data: bytes = 4-byte little-endian length, a JSON header, two tables of 256 colours (one sign, two signs), the crop
// as JPEG, the heat (side x side, may be missing) and the map (rows x columns), both as uint8.
// header.down and header.across: first pixel and first beyond for each row and column of units; null = the whole picture.

const all = new WeakMap();
const POINTED = "#ffd166";

function unpack(bytes) {
  const { header, take } = opened(bytes);
  const tables = [take(768), take(768)];
  const jpeg = take(header.jpegBytes);
  const heat = header.hasHeat ? take(header.side * header.side) : null;
  return { header, tables, jpeg, heat, map: take(header.rows * header.columns) };
}

class Unit {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.pointed = null;
    this.cursor = null;
    for (const [name, move] of [["picture", "moveCursor"], ["map", "moveUnit"]]) {
      const canvas = this.find(name);
      canvas.addEventListener("pointermove", (event) => this[move](this.place(event)));
      canvas.addEventListener("pointerleave", () => this[move](null));
      canvas.addEventListener("click", (event) => this.choose(name, this.place(event)));
      canvas.addEventListener("keydown", (event) => this.key(name, event));
      new ResizeObserver(() => this.sheets && this.draw()).observe(canvas.parentElement);
    }
    this.find("heat").addEventListener("change", () => this.draw());
  }

  async show(data, send) {
    this.send = send;
    const { header, tables, jpeg, heat, map } = unpack(data);
    const turn = (this.turn = {});
    const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (this.turn !== turn) return;
    if (this.header?.grid !== header.grid) this.pointed = this.cursor = null;
    Object.assign(this, { header, tables, map, pin: header.pin });
    this.sheets = {
      picture,
      heat: heat && this.heat(heat),
      map: sheet(header.columns, header.rows, (i) => [...this.colour(map[i]), 255]),
    };
    this.label();
    this.draw();
    this.read();
    this.root.querySelector(".unit").dataset.ready = header.answer;
  }

  label() {
    const { header } = this;
    this.find("picture-title").textContent = header.pictureTitle;
    this.find("map-title").textContent = header.mapTitle;
    this.find("picture").setAttribute("aria-label", header.pictureAlt);
    this.find("map").setAttribute("aria-label", header.mapAlt);
    this.find("picture").style.aspectRatio = "1";
    this.find("map").style.aspectRatio = `${header.columns} / ${header.rows}`;
    this.find("heat-label").hidden = !header.hasHeat;
    this.find("core-key").hidden = !header.core;
    this.find("core-words").textContent = header.coreWords;
  }

  // The weaker, the more transparent: the picture stays to be seen.
  heat(levels) {
    const { side } = this.header;
    return sheet(side, side, (i) => {
      const table = this.tables[0].subarray(levels[i] * 3, levels[i] * 3 + 3);
      return [...table, Math.min(215, levels[i] * 1.6)];
    });
  }

  colour(byte) {
    return this.tables[this.header.signed ? 1 : 0].subarray(byte * 3, byte * 3 + 3);
  }

  draw() {
    if (!this.sheets) return;
    this.drawPicture();
    this.drawMap();
  }

  drawPicture() {
    const [pen, width, density] = prepare(this.find("picture"), 1);
    if (!pen) return;
    const { side } = this.header;
    this.paint(pen, { x: 0, y: 0, side }, { x: 0, y: 0, side: width }, density);
    const box = this.box(this.pointed ?? this.header.unit);
    const size = Math.max(box.width, box.height);
    if (size > 0 && size < 0.16 * side) this.closeUp(pen, box, size, width, density);
  }

  // A small field is shown enlarged, in the corner that is farthest from it.
  closeUp(pen, box, size, width, density) {
    const { side } = this.header;
    const seen = Math.min(side, Math.max(8, 2 * size));
    const from = (start, length) => Math.min(side - seen, Math.max(0, start + length / 2 - seen / 2));
    const view = { x: from(box.x, box.width), y: from(box.y, box.height), side: seen };
    const wide = 0.38 * width;
    const far = (start) => (start + size / 2 > side / 2 ? 0.02 * width : 0.98 * width - wide);
    const into = { x: far(box.x), y: far(box.y), side: wide };
    this.paint(pen, view, into, density);
    stroke(pen, density, "#ffffff", 2, () => pen.rect(into.x, into.y, wide, wide));
  }

  // A part of the picture (in pixels of the crop) onto a part of the canvas.
  paint(pen, view, into, density) {
    const { header, sheets, pin } = this;
    const scale = into.side / view.side;
    const x = (pixel) => into.x + (pixel - view.x) * scale;
    const y = (pixel) => into.y + (pixel - view.y) * scale;
    const layer = (image) => {
      const unit = image.width / header.side;
      const [left, top, side] = [view.x * unit, view.y * unit, view.side * unit];
      pen.drawImage(image, left, top, side, side, into.x, into.y, into.side, into.side);
    };
    const outline = (box, paint, thickness, dash = []) =>
      stroke(pen, density, paint, thickness, () => pen.rect(x(box.x), y(box.y), box.width * scale, box.height * scale), dash);
    pen.save();
    pen.beginPath();
    pen.rect(into.x, into.y, into.side, into.side);
    pen.clip();
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "high";
    layer(sheets.picture);
    if (sheets.heat && this.find("heat").checked) layer(sheets.heat);
    if (header.core) outline(header.core, "#ffffff", 1.5, [5, 4]);
    outline(this.box(header.unit), "#ffffff", 3);
    if (this.pointed) outline(this.box(this.pointed), POINTED, 3);
    for (const [pixel, paint] of [[pin, "#ffffff"], [this.cursor, POINTED]]) {
      const side = Math.max(1, 8 / scale);
      if (pixel) outline({ x: pixel.x + 0.5 - side / 2, y: pixel.y + 0.5 - side / 2, width: side, height: side }, paint, 2);
    }
    pen.restore();
  }

  drawMap() {
    const { rows, columns, unit } = this.header;
    const [pen, width, density] = prepare(this.find("map"), rows / columns);
    if (!pen) return;
    const cell = width / columns;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.sheets.map, 0, 0, width, cell * rows);
    const pixel = this.cursor ?? this.pin;
    if (pixel) this.shade(pen, pixel, cell);
    for (const [one, paint] of [[unit, "#ffffff"], [this.pointed, POINTED]]) {
      const side = Math.max(cell, 7 * density);
      const at = one && { x: (one.column + 0.5) * cell - side / 2, y: (one.row + 0.5) * cell - side / 2 };
      if (one) stroke(pen, density, paint, 3, () => pen.rect(at.x, at.y, side, side));
    }
  }

  // The units that cannot see the pixel go dark; a line runs round those that can.
  shade(pen, pixel, cell) {
    const { rows, columns } = this.header;
    const [top, bottom] = this.range(this.header.down, rows, pixel.y);
    const [left, right] = this.range(this.header.across, columns, pixel.x);
    const inside = [left * cell, top * cell, (right - left) * cell, (bottom - top) * cell];
    pen.beginPath();
    pen.rect(0, 0, columns * cell, rows * cell);
    pen.rect(...inside);
    pen.fillStyle = "rgba(0, 0, 0, 0.62)";
    pen.fill("evenodd");
    stroke(pen, window.devicePixelRatio || 1, "#ffffff", 1.5, () => pen.rect(...inside), [5, 4]);
  }

  // The first unit that sees a pixel along one axis, and the first beyond.
  range(edges, count, pixel) {
    if (!edges) return [0, count];
    const seeing = edges.map(([first, beyond], i) => (first <= pixel && pixel < beyond ? i : -1)).filter((i) => i >= 0);
    return seeing.length ? [seeing[0], seeing.at(-1) + 1] : [0, 0];
  }

  box({ row, column }) {
    const { down, across, side } = this.header;
    const [[top, bottom], [left, right]] = down ? [down[row], across[column]] : [[0, side], [0, side]];
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  place(event) {
    if (!this.header) return null;
    const { rows, columns, side } = this.header;
    const map = event.target === this.find("map");
    const shape = event.target.getBoundingClientRect();
    const x = Math.floor(((event.clientX - shape.left) / shape.width) * (map ? columns : side));
    const y = Math.floor(((event.clientY - shape.top) / shape.height) * (map ? rows : side));
    if (x < 0 || y < 0 || x >= (map ? columns : side) || y >= (map ? rows : side)) return null;
    return map ? { row: y, column: x } : { x, y };
  }

  moveUnit(unit) {
    this.pointed = unit;
    this.refresh();
  }

  moveCursor(pixel) {
    this.cursor = pixel;
    this.refresh();
  }

  refresh() {
    if (!this.sheets) return;
    this.draw();
    this.read();
  }

  choose(name, place) {
    if (!place) return;
    if (name === "map") this.send("unit", place);
    else this.mark(place);
  }

  mark(pixel) {
    this.pin = pixel;
    this.refresh();
    this.send("pixel", pixel);
  }

  key(name, event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.header) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (steps[event.key]) this.step(name, steps[event.key], event.shiftKey ? 10 : 1);
    else if (event.key === "Enter" || event.key === " ") this.choose(name, name === "map" ? this.pointed : this.cursor);
    else if (event.key === "Escape") this.leave(name);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step(name, [right, down], size) {
    const { rows, columns, side, unit } = this.header;
    const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));
    if (name === "map") {
      const from = this.pointed ?? unit;
      this.moveUnit({ row: clamp(from.row + down * size, rows), column: clamp(from.column + right * size, columns) });
      return;
    }
    const from = this.cursor ?? this.pin ?? { x: Math.floor(side / 2), y: Math.floor(side / 2) };
    const move = this.cursor ? size : 0;
    this.moveCursor({ x: clamp(from.x + right * move, side), y: clamp(from.y + down * move, side) });
  }

  leave(name) {
    if (name === "map") this.moveUnit(null);
    else {
      this.cursor = null;
      this.mark(null);
    }
  }

  read() {
    const { header } = this;
    let text = header.hint;
    if (this.pointed) text = this.unitInWords(this.pointed);
    else if (this.cursor ?? this.pin) text = this.pixelInWords(this.cursor ?? this.pin);
    this.find("readout").textContent = text;
  }

  unitInWords({ row, column }) {
    const { header } = this;
    const byte = this.map[row * header.columns + column];
    const value = (header.signed ? (byte - 128) / 127 : byte / 255) * header.top;
    const box = this.box({ row, column });
    const where = `x ${box.x} to ${box.x + box.width - 1}, y ${box.y} to ${box.y + box.height - 1}`;
    const empty = box.width * box.height === 0;
    const some = empty ? "sees padding alone" : `can see ${box.width} x ${box.height} pixels (${where})`;
    const sees = header.down ? some : "can see the whole picture";
    return `Row ${row}, column ${column} answers about ${short(value)} · ${sees} · click for what moves it`;
  }

  pixelInWords({ x, y }) {
    const { rows, columns, down, across, side } = this.header;
    const [top, bottom] = this.range(down, rows, y);
    const [left, right] = this.range(across, columns, x);
    const count = (bottom - top) * (right - left);
    const where = count ? `: rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1}` : "";
    return `Pixel x ${x}, y ${y} of the network's ${side} x ${side} · seen by ${count} of ${rows * columns} units${where}`;
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let unit = all.get(parentElement);
  if (!unit) {
    unit = new Unit(parentElement);
    all.set(parentElement, unit);
  }
  unit.show(data, setTriggerValue);
}
