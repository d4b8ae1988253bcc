// Many small maps from one sprite: laid out to the width there is, with their numbers, one read-out, and one picked.
//
// data: bytes = 4-byte little-endian length, a JSON header, a table of 256 colours, and a PNG with the tiles: grey
// levels, which the table colours, or colours as they are.

const all = new WeakMap();
const GAP = 6;
const LABEL = 15;
const SMALLEST = 36;

function unpack(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const table = bytes.slice(4 + size, 4 + size + 768);
  return { header, table, png: bytes.slice(4 + size + 768) };
}

// The levels of the sprite as they are in the file, whatever the screen's colours.
async function levels(png) {
  const blob = new Blob([png], { type: "image/png" });
  const image = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
  pen.drawImage(image, 0, 0);
  const rgba = pen.getImageData(0, 0, image.width, image.height).data;
  return { rgba, width: image.width, height: image.height };
}

class Maps {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector('[data-part="sheet"]');
    this.readout = root.querySelector('[data-part="readout"]');
    this.at = null;
    this.canvas.addEventListener("pointermove", (event) => this.point(this.place(event)));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("click", (event) => this.pick(this.place(event)));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.sheet && this.draw()).observe(this.canvas.parentElement);
  }

  async show(data, send) {
    this.send = send;
    const { header, table, png } = unpack(data);
    const turn = (this.turn = {});
    const sheet = await levels(png);
    if (this.turn !== turn) return;
    if (this.header?.answer !== header.answer) this.at = null;
    Object.assign(this, { header, sheet: this.paint(sheet, header.coloured ? null : table), levels: sheet });
    this.canvas.setAttribute("aria-label", header.alt);
    this.draw();
    this.read();
    this.root.querySelector(".maps").dataset.ready = header.answer;
  }

  paint({ rgba, width, height }, table) {
    const image = new ImageData(rgba.slice(), width, height);
    for (let i = 0; table && i < rgba.length; i += 4) {
      image.data.set(table.subarray(rgba[i] * 3, rgba[i] * 3 + 3), i);
    }
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  // Columns, and the side of a tile, in CSS pixels.
  shape() {
    const width = this.canvas.parentElement.clientWidth;
    const most = Math.floor((width + GAP) / (SMALLEST + GAP));
    const room = Math.max(1, Math.min(most, this.header.across, this.header.tiles.length));
    // Even rows where there are any: 12 as 6 and 6.
    const even = [0, 1, 2, 3].map((less) => room - less).find((count) => count > 2 && this.header.tiles.length % count === 0);
    const columns = even ?? room;
    const wide = Math.min((width + GAP) / columns - GAP, 180);
    return { columns, wide, high: (wide * this.header.height) / this.header.width, width };
  }

  draw() {
    const { columns, wide, high, width } = this.shape();
    if (width < 1) return;
    const rows = Math.ceil(this.header.tiles.length / columns);
    const density = window.devicePixelRatio || 1;
    const height = rows * (high + LABEL + GAP) - GAP;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    this.canvas.style.height = `${height}px`;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.root.querySelector(".maps"));
    pen.scale(density, density);
    pen.imageSmoothingEnabled = false;
    pen.font = `12px ${style.fontFamily}`;
    this.header.tiles.forEach((tile, place) => {
      const [left, top] = [(place % columns) * (wide + GAP), Math.floor(place / columns) * (high + LABEL + GAP)];
      const { width: w, height: h, columns: across } = this.header;
      const from = [(place % across) * w, Math.floor(place / across) * h];
      pen.drawImage(this.sheet, ...from, w, h, left, top, wide, high);
      const chosen = tile.id === this.header.chosen;
      if (chosen || this.at?.place === place) {
        pen.lineWidth = chosen ? 3 : 2;
        pen.strokeStyle = chosen ? style.getPropertyValue("--st-primary-color") : style.color;
        pen.strokeRect(left + 1, top + 1, wide - 2, high - 2);
      }
      pen.fillStyle = style.color;
      pen.fillText(tile.label, left + 1, top + high + 12, wide);
    });
  }

  // The tile under the pointer, and the pixel of it.
  place(event) {
    if (!this.header) return null;
    const frame = this.canvas.getBoundingClientRect();
    const { columns, wide, high } = this.shape();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const [column, row] = [Math.floor(x / (wide + GAP)), Math.floor(y / (high + LABEL + GAP))];
    const place = row * columns + column;
    if (x < 0 || y < 0 || column >= columns || place >= this.header.tiles.length) return null;
    const inside = (offset, side, count) => Math.min(count - 1, Math.max(0, Math.floor((offset / side) * count)));
    return {
      place,
      x: inside(x - column * (wide + GAP), wide, this.header.width),
      y: inside(y - row * (high + LABEL + GAP), high, this.header.height),
    };
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.header) return;
    const { columns } = this.shape();
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (steps[event.key]) this.move(steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.pick(this.at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  move(step) {
    const chosen = this.header.tiles.findIndex((tile) => tile.id === this.header.chosen);
    const from = this.at?.place ?? (chosen < 0 ? 0 : chosen);
    const place = this.at ? from + step : from;
    if (place < 0 || place >= this.header.tiles.length) return;
    this.point({ place, x: Math.floor(this.header.width / 2), y: Math.floor(this.header.height / 2) });
  }

  point(at) {
    this.at = at;
    if (!this.sheet) return;
    this.draw();
    this.read();
  }

  pick(at) {
    if (!at) return;
    this.send(this.header.tiles[at.place].id);
    // On a narrow page what shows the picked one stands far below.
    const shown = this.header.beside && document.querySelector(`.st-key-${this.header.beside}`);
    if (shown && shown.getBoundingClientRect().top > 0.7 * window.innerHeight) shown.scrollIntoView({ behavior: "smooth" });
  }

  read() {
    if (!this.at) {
      this.readout.textContent = this.header.hint;
      return;
    }
    const { place, x, y } = this.at;
    const tile = this.header.tiles[place];
    const { width, height, columns, shrunk, signed, coloured } = this.header;
    const at = (Math.floor(place / columns) * height + y) * this.levels.width + (place % columns) * width + x;
    const level = this.levels.rgba[at * 4];
    const share = signed ? (level - 128) / 127 : level / 255;
    const about = shrunk > 1 ? "about " : "";
    const where = `row ${Math.floor((y + 0.5) * shrunk)}, column ${Math.floor((x + 0.5) * shrunk)}`;
    const value = coloured ? "" : `${where}: ${about}${short(share * tile.top, 3)}`;
    this.readout.textContent = [tile.title, value, tile.more].filter(Boolean).join(" · ");
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let maps = all.get(parentElement);
  if (!maps) {
    maps = new Maps(parentElement);
    all.set(parentElement, maps);
  }
  maps.show(data, (id) => setTriggerValue("picked", id));
}
