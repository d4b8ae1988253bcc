// The lens for comparing: several pictures of the same size side by side, with one cursor and one read-out.
//
// data: bytes = 4-byte little-endian length, a JSON header, two tables of 256 colours (one sign, two signs), and for
// each pane its picture (rows x columns x 3, uint8, may be missing) and its layer: a signed change of the colours
// (x 3) or a map (x 1), both as uint8 around 128 where they have two signs.

const all = new WeakMap();

function unpack(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  let place = 4 + size;
  const take = (count) => bytes.slice(place, (place += count));
  const tables = [take(768), take(768)];
  const pixels = header.rows * header.columns;
  const panes = header.panes.map((pane) => ({
    ...pane,
    picture: pane.hasPicture ? take(pixels * 3) : null,
    layer: pane.kind === "picture" ? null : take(pane.kind === "change" ? pixels * 3 : pixels),
  }));
  return { header, tables, panes };
}

class Panes {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.cursor = null;
    this.times = null;
    this.find("times").addEventListener("input", (event) => {
      this.times = Number(event.target.value);
      this.label();
      this.draw();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.send("times", this.times), 500);
    });
    new ResizeObserver(() => this.panes && this.draw()).observe(this.find("grid"));
  }

  // Takes new data; the factor that the user chose stays until another is asked for.
  show(data, send) {
    const { header, tables, panes } = unpack(data);
    if (this.times === null || this.asked !== header.times) this.times = header.times;
    Object.assign(this, { header, tables, panes, send, asked: header.times });
    if (this.cursor && (this.cursor.x >= header.columns || this.cursor.y >= header.rows)) this.cursor = null;
    this.build();
    this.label();
    this.legend();
    this.draw();
    this.read();
    this.root.querySelector(".panes").dataset.ready = header.answer;
  }

  // One figure for each pane; kept from one run to the next, so that the focus stays where it is.
  build() {
    const grid = this.find("grid");
    while (grid.children.length > this.panes.length) grid.lastChild.remove();
    grid.dataset.count = this.panes.length;
    this.panes.forEach((pane, place) => {
      const node = grid.children[place] ?? this.make(grid);
      node.className = `pane ${pane.kind === "picture" || place !== 1 ? "" : "middle"}`;
      node.querySelector("h4").textContent = pane.title;
      node.querySelector("p").textContent = pane.caption;
      const canvas = node.querySelector("canvas");
      canvas.setAttribute("aria-label", `${pane.alt} Arrow keys move over the pixels.`);
      canvas.style.aspectRatio = `${this.header.columns} / ${this.header.rows}`;
    });
  }

  make(grid) {
    const node = document.createElement("div");
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "picture");
    node.append(document.createElement("h4"), canvas, document.createElement("p"));
    canvas.addEventListener("pointermove", (event) => this.point(this.place(event)));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    grid.append(node);
    return node;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (steps[event.key]) this.step(steps[event.key], event.shiftKey ? 10 : 1);
    else if (event.key === "Escape") this.point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step([right, down], size) {
    const { rows, columns } = this.header;
    const from = this.cursor ?? { x: Math.floor(columns / 2), y: Math.floor(rows / 2) };
    const move = this.cursor ? size : 0;
    const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));
    this.point({ x: clamp(from.x + right * move, columns), y: clamp(from.y + down * move, rows) });
  }

  place(event) {
    const shape = event.target.getBoundingClientRect();
    const x = Math.floor(((event.clientX - shape.left) / shape.width) * this.header.columns);
    const y = Math.floor(((event.clientY - shape.top) / shape.height) * this.header.rows);
    return x >= 0 && y >= 0 && x < this.header.columns && y < this.header.rows ? { x, y } : null;
  }

  point(pixel) {
    this.cursor = pixel;
    this.draw();
    this.read();
  }

  label() {
    const amplifies = this.panes.some((pane) => pane.kind === "change");
    this.find("times-label").hidden = !amplifies;
    this.find("times").value = this.times;
    this.find("times").setAttribute("aria-valuetext", `${this.times} times`);
    this.find("times-value").textContent = this.times;
  }

  legend() {
    const place = this.find("legend");
    const maps = this.panes.filter((pane) => pane.kind === "map");
    const kinds = maps.filter((pane, i) => maps.findIndex((other) => other.legend === pane.legend) === i);
    place.hidden = kinds.length === 0;
    place.replaceChildren(...kinds.map((pane) => this.scale(pane)));
  }

  scale(pane) {
    const node = document.createElement("span");
    const bar = document.createElement("canvas");
    bar.width = 128;
    bar.height = 1;
    bar.setAttribute("aria-hidden", "true");
    const image = new ImageData(128, 1);
    for (let i = 0; i < 128; i += 1) image.data.set([...this.colour(pane, i * 2), 255], i * 4);
    bar.getContext("2d").putImageData(image, 0, 0);
    node.append(`${pane.legend}: ${pane.signed ? short(-pane.top) : 0}`, bar, short(pane.top));
    return node;
  }

  colour(pane, byte) {
    const table = this.tables[pane.signed ? 1 : 0];
    return table.subarray(byte * 3, byte * 3 + 3);
  }

  draw() {
    this.panes.forEach((pane, place) => {
      const canvas = this.find("grid").children[place].querySelector("canvas");
      const density = window.devicePixelRatio || 1;
      const width = Math.round(canvas.clientWidth * density);
      if (width < 1) return;
      canvas.width = width;
      canvas.height = Math.round((width * this.header.rows) / this.header.columns);
      const pen = canvas.getContext("2d");
      pen.imageSmoothingEnabled = pane.kind !== "change";
      pen.imageSmoothingQuality = "high";
      pen.drawImage(sheet(this.paint(pane)), 0, 0, canvas.width, canvas.height);
      if (this.cursor) this.cross(pen, canvas, density);
    });
  }

  paint(pane) {
    const { rows, columns } = this.header;
    const image = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i += 1) {
      image.data.set(this.pixel(pane, i), i * 4);
      image.data[i * 4 + 3] = 255;
    }
    return image;
  }

  // What one pixel looks like: the picture, the change around mid-grey, or the map laid over the picture.
  pixel(pane, i) {
    if (pane.kind === "change") {
      return [0, 1, 2].map((c) => 128 + this.times * this.moved(pane, i * 3 + c));
    }
    const under = pane.picture.subarray(i * 3, i * 3 + 3);
    if (pane.kind === "picture") return under;
    const share = Math.abs(pane.signed ? (pane.layer[i] - 128) / 127 : pane.layer[i] / 255);
    const weight = 0.78 * Math.min(1, share * 1.4);
    const over = this.colour(pane, pane.layer[i]);
    return [0, 1, 2].map((c) => under[c] * (1 - weight) + over[c] * weight);
  }

  // The change of one colour, in levels of 255.
  moved(pane, place) {
    return ((pane.layer[place] - 128) / 127) * pane.top;
  }

  cross(pen, canvas, density) {
    const wide = canvas.width / this.header.columns;
    const side = Math.max(wide, 7 * density);
    pen.beginPath();
    pen.rect((this.cursor.x + 0.5) * wide - side / 2, (this.cursor.y + 0.5) * wide - side / 2, side, side);
    for (const [paint, thickness] of [["rgba(0, 0, 0, 0.65)", 4.4], ["#ffd166", 2]]) {
      pen.strokeStyle = paint;
      pen.lineWidth = thickness * density;
      pen.stroke();
    }
  }

  read() {
    const at = this.cursor;
    const parts = at ? this.panes.map((pane) => `${pane.short} ${this.value(pane, at.y * this.header.columns + at.x)}`) : [];
    this.find("readout").textContent = at ? [`x ${at.x}, y ${at.y}`, ...parts].join(" · ") : this.header.hint;
  }

  value(pane, i) {
    if (pane.kind === "picture") return [...pane.picture.subarray(i * 3, i * 3 + 3)].join(" ");
    if (pane.kind === "change") return [0, 1, 2].map((c) => sign(this.moved(pane, i * 3 + c).toFixed(1))).join(" ");
    const share = pane.signed ? (pane.layer[i] - 128) / 127 : pane.layer[i] / 255;
    return short(share * pane.top);
  }
}

function sheet(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function sign(text) {
  return Number(text) > 0 ? `+${text}` : text.replace("-", "\u2212").replace(/^\u22120\.0$/, "0.0");
}

export default function ({ data, parentElement, setStateValue }) {
  let panes = all.get(parentElement);
  if (!panes) {
    panes = new Panes(parentElement);
    all.set(parentElement, panes);
  }
  panes.show(data, (name, value) => setStateValue(name, value));
}
