// The lens for comparing: several pictures of the same size side by side, with one cursor and one read-out.
//
// data: bytes = 4-byte little-endian length, a JSON header, two tables of 256 colours (one sign, two signs), and for
// each pane its picture (rows x columns x 3, uint8, may be missing) and its layer: a signed change of the colours
// (x 3) or a map (x 1), both as uint8 around 128 where they have two signs; then the photographs, as JPEG, over which
// panes may lay their maps instead.

const all = new WeakMap();
const ZOOMS = { in: 2, out: 0.5, whole: 0.001 };
const ZOOM_KEYS = { "+": 2, "=": 2, "-": 0.5, 0: 0.001 };

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
  return { header, tables, panes, photos: header.photos.map((size) => take(size)) };
}

const decoded = (photo) => createImageBitmap(new Blob([photo], { type: "image/jpeg" }));

class Panes {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.cursor = null;
    this.times = null;
    this.zoom = new Zoom();
    for (const button of root.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.enlarge(ZOOMS[button.dataset.zoom]));
    }
    this.find("times").addEventListener("input", (event) => {
      this.times = Number(event.target.value);
      this.label();
      this.sheets = this.panes.map((pane) => this.sheet(pane));
      this.draw();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.send("times", this.times), 500);
    });
    new ResizeObserver(() => this.panes && this.draw()).observe(this.find("grid"));
  }

  // Takes new data; the factor that the user chose stays until another is asked for.
  async show(data, send) {
    const { header, tables, panes, photos } = unpack(data);
    const ticket = (this.ticket = {});
    const bitmaps = await Promise.all(photos.map(decoded));
    if (this.ticket !== ticket) return;
    if (this.times === null || this.asked !== header.times) this.times = header.times;
    // What comes back of the user's own zoom is older than what is seen by now.
    if (this.asksZoom !== header.zoom && this.sentZoom !== (header.zoom ?? "")) this.zoom.read(header.zoom);
    Object.assign(this, { header, tables, panes, bitmaps, send, asked: header.times, asksZoom: header.zoom });
    this.sheets = panes.map((pane) => this.sheet(pane));
    if (this.cursor && (this.cursor.x >= header.columns || this.cursor.y >= header.rows)) this.cursor = null;
    this.build();
    this.label();
    this.legend();
    this.showZoom();
    this.draw();
    this.read();
    this.root.querySelector(".panes").dataset.ready = header.answer;
  }

  // One figure for each pane; kept from one run to the next, so that the focus stays where it is.
  build() {
    const grid = this.find("grid");
    while (grid.children.length > this.panes.length) grid.lastChild.remove();
    grid.dataset.count = this.panes.length;
    grid.classList.toggle("stacked", this.header.stacked);
    this.panes.forEach((pane, place) => {
      const node = grid.children[place] ?? this.make(grid);
      node.className = `pane ${pane.kind === "picture" || place !== 1 || this.header.stacked ? "" : "middle"}`;
      node.querySelector("h4 span").textContent = pane.title;
      node.querySelector("p").textContent = pane.caption;
      const canvas = node.querySelector("canvas");
      const keys = this.header.zooms ? "Arrow keys move over the pixels, plus and minus zoom." : "Arrow keys move over the pixels.";
      canvas.setAttribute("aria-label", `${pane.alt} ${keys}`);
      canvas.style.aspectRatio = `${this.header.columns} / ${this.header.rows}`;
    });
  }

  make(grid) {
    const node = document.createElement("div");
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "picture");
    const heading = document.createElement("h4");
    const value = document.createElement("i");
    value.setAttribute("aria-hidden", "true");
    heading.append(document.createElement("span"), value);
    node.append(heading, canvas, document.createElement("p"));
    canvas.addEventListener("pointermove", (event) => this.drag(event) || this.point(this.place(event)));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("dblclick", (event) => this.enlarge(event.shiftKey ? 0.5 : 2, this.share(event)));
    grid.append(node);
    return node;
  }

  enlarge(times, place) {
    if (!this.header.zooms) return;
    this.zoom.by(times, place ?? this.middle());
    this.zoomed();
  }

  // Around the cursor where there is one, which is what the keys enlarge.
  middle() {
    const { rows, columns } = this.header;
    return this.cursor ? { x: (this.cursor.x + 0.5) / columns, y: (this.cursor.y + 0.5) / rows } : undefined;
  }

  // A wheel alone scrolls the page; with Control, which is also what two fingers on a pad send, it zooms.
  wheel(event) {
    if (!this.header.zooms || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.enlarge(Math.exp(-0.01 * event.deltaY), this.share(event));
  }

  // Moves the enlarged pictures under a pressed pointer.
  drag(event) {
    if (!this.header.zooms || this.zoom.factor === 1 || !(event.buttons & 1)) return false;
    const shape = event.target.getBoundingClientRect();
    const { side } = this.zoom.window;
    this.zoom.move((-event.movementX / shape.width) * side, (-event.movementY / shape.height) * side);
    this.zoomed();
    return true;
  }

  zoomed() {
    this.showZoom();
    this.draw();
    clearTimeout(this.zoomTimer);
    this.zoomTimer = setTimeout(() => this.send("zoom", (this.sentZoom = this.zoom.write())), 500);
  }

  showZoom() {
    const { factor } = this.zoom;
    this.find("zoom").hidden = !this.header.zooms;
    this.find("zoom-value").textContent = `${Number(factor.toFixed(1))} \u00d7`;
    for (const button of this.root.querySelectorAll("[data-zoom]")) {
      button.disabled = button.dataset.zoom === "in" ? factor >= MOST_ENLARGED : factor === 1;
    }
    this.find("grid").classList.toggle("zoomed", factor > 1);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (steps[event.key]) this.step(steps[event.key], event.shiftKey ? 10 : 1);
    else if (this.header.zooms && ZOOM_KEYS[event.key]) this.enlarge(ZOOM_KEYS[event.key]);
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
    const to = { x: clamp(from.x + right * move, columns), y: clamp(from.y + down * move, rows) };
    this.zoom.follow((to.x + 0.5) / columns, (to.y + 0.5) / rows);
    this.point(to);
  }

  // Where in the picture an event is, as shares of its sides.
  share(event) {
    const shape = event.target.getBoundingClientRect();
    const { left, top, side } = this.zoom.window;
    return {
      x: left + ((event.clientX - shape.left) / shape.width) * side,
      y: top + ((event.clientY - shape.top) / shape.height) * side,
    };
  }

  place(event) {
    const at = this.share(event);
    const [x, y] = [Math.floor(at.x * this.header.columns), Math.floor(at.y * this.header.rows)];
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
    const most = pane.exceeds ? "\u2265\u00a0" : "";
    const low = pane.signed ? `${pane.exceeds ? "\u2264\u00a0" : ""}${short(-pane.top)}${pane.suffix}` : `0${pane.suffix}`;
    node.append(`${pane.legend}: ${low}`, bar, `${most}${short(pane.top)}${pane.suffix}`);
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
      for (const image of [this.bitmaps[pane.photo], this.sheets[place]].filter(Boolean)) {
        const { left, top, side } = this.zoom.window;
        const seen = [left * image.width, top * image.height, side * image.width, side * image.height];
        pen.drawImage(image, ...seen, 0, 0, canvas.width, canvas.height);
      }
      if (this.cursor) this.cross(pen, canvas, density);
    });
  }

  sheet(pane) {
    const { rows, columns } = this.header;
    const image = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i += 1) {
      const [red, green, blue, thick = 255] = pane.photo === null ? this.pixel(pane, i) : this.veil(pane, i);
      image.data.set([red, green, blue, thick], i * 4);
    }
    const canvas = new OffscreenCanvas(columns, rows);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  // What one pixel looks like: the picture, the change around mid-grey, or the map laid over the picture.
  pixel(pane, i) {
    if (pane.kind === "change") {
      return [0, 1, 2].map((c) => 128 + this.times * this.moved(pane, i * 3 + c));
    }
    const under = pane.picture.subarray(i * 3, i * 3 + 3);
    if (pane.kind === "picture") return under;
    const [red, green, blue, thick] = this.veil(pane, i);
    const weight = thick / 255;
    return [red, green, blue].map((over, c) => under[c] * (1 - weight) + over * weight);
  }

  // The colour of the evidence at a pixel, and how thick it lies on the picture, 0 to 255.
  veil(pane, i) {
    const share = Math.abs(pane.signed ? (pane.layer[i] - 128) / 127 : pane.layer[i] / 255);
    return [...this.colour(pane, pane.layer[i]), 255 * 0.78 * Math.min(1, share * 1.4)];
  }

  // The change of one colour, in levels of 255.
  moved(pane, place) {
    return ((pane.layer[place] - 128) / 127) * pane.top;
  }

  cross(pen, canvas, density) {
    const { left, top, side: seen } = this.zoom.window;
    const wide = canvas.width / this.header.columns / seen;
    const side = Math.max(wide, 7 * density);
    const x = (this.cursor.x + 0.5) * wide - (left / seen) * canvas.width;
    const y = (this.cursor.y + 0.5) * wide - (top / seen) * canvas.height;
    pen.beginPath();
    pen.rect(x - side / 2, y - side / 2, side, side);
    for (const [paint, thickness] of [["rgba(0, 0, 0, 0.65)", 4.4], ["#ffd166", 2]]) {
      pen.strokeStyle = paint;
      pen.lineWidth = thickness * density;
      pen.stroke();
    }
  }

  read() {
    const at = this.cursor;
    const parts = at ? this.panes.map((pane) => `${pane.short} ${this.value(pane, at.y * this.header.columns + at.x)}`) : [];
    // Where panes may stand far apart, each says its own value, too.
    this.panes.forEach((pane, place) => {
      const value = at && this.header.stacked ? this.value(pane, at.y * this.header.columns + at.x) : "";
      this.find("grid").children[place].querySelector("h4 i").textContent = value;
    });
    this.find("readout").textContent = at ? [`x ${at.x}, y ${at.y}`, ...parts].join(" · ") : this.header.hint;
  }

  value(pane, i) {
    if (pane.kind === "picture") return [...pane.picture.subarray(i * 3, i * 3 + 3)].join(" ");
    if (pane.kind === "change") return [0, 1, 2].map((c) => sign(this.moved(pane, i * 3 + c).toFixed(1))).join(" ");
    const share = pane.signed ? (pane.layer[i] - 128) / 127 : pane.layer[i] / 255;
    const capped = pane.exceeds && Math.abs(share) > 0.999 ? (share > 0 ? "\u2265 " : "\u2264 ") : "";
    return `${capped}${short(share * pane.top)}${pane.suffix}`;
  }
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
