// The lens: a picture, the evidence over it, and a read-out, drawn in the browser without a round trip.
//
// data: bytes = 4-byte little-endian length, a JSON header, the picture as JPEG, the map as uint8 (rows x columns).
// Where the map was enlarged from the values of a layer's units, these follow as float32 (header.units: rows, columns).
// An unsigned map runs from 0 to 255 = `top`; a signed one is centred on 128, with 255 = `top` and 1 = -`top`.

const MARKED_SHARE = 10;
const VIEWS = ["heat", "spotlight", "outline", "image"];
const INFERNO = [[0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10],
  [249, 201, 50], [252, 255, 164]];
const BLUE_ORANGE = [[8, 48, 107], [33, 102, 172], [103, 169, 207], [209, 229, 240], [247, 247, 247], [254, 224, 182],
  [241, 163, 64], [204, 96, 6], [127, 48, 4]];
const lenses = new WeakMap();

export function colour(stops, share) {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  return stops[low].map((value, i) => value + (stops[low + 1][i] - value) * (place - low));
}

// Segments of the line where the map crosses a level, in map pixels (marching squares over pixel centres).
export function contour(map, rows, columns, level) {
  const at = (row, column) =>
    row < 0 || column < 0 || row >= rows || column >= columns ? -1 : map[row * columns + column];
  const segments = [];
  for (let row = -1; row < rows; row += 1) {
    for (let column = -1; column < columns; column += 1) {
      const corners = [[row, column], [row, column + 1], [row + 1, column + 1], [row + 1, column]];
      const values = corners.map(([r, c]) => at(r, c));
      const crossings = [];
      for (let side = 0; side < 4; side += 1) {
        const next = (side + 1) % 4;
        if ((values[side] >= level) === (values[next] >= level)) continue;
        const part = (level - values[side]) / (values[next] - values[side]);
        const mix = (axis) => corners[side][axis] + (corners[next][axis] - corners[side][axis]) * part;
        crossings.push([mix(1) + 0.5, mix(0) + 0.5]);
      }
      for (let i = 0; i + 1 < crossings.length; i += 2) segments.push([crossings[i], crossings[i + 1]]);
    }
  }
  return segments;
}

// The level that a share (in percent) of the pixels reaches.
export function levelOf(map, share) {
  const counts = new Uint32Array(256);
  for (const value of map) counts[value] += 1;
  const wanted = Math.max(1, Math.round((share / 100) * map.length));
  let seen = 0;
  for (let level = 255; level > 0; level -= 1) {
    seen += counts[level];
    if (seen >= wanted) return level;
  }
  return 1;
}

function unpack(bytes) {
  const size = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
  const picture = bytes.slice(4 + size, 4 + size + header.pictureBytes);
  const held = bytes.slice(4 + size + header.pictureBytes);
  const count = header.rows * header.columns;
  const units = header.units && new Float32Array(held.slice(count).buffer);
  return { header, picture, map: held.subarray(0, count), units };
}

class Lens {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.canvas = this.find("canvas");
    this.view = null;
    this.strength = { heat: 70, spotlight: MARKED_SHARE, outline: MARKED_SHARE, image: 0 };
    this.whole = false;
    this.cursor = null;
    this.connect();
  }

  // Takes new data; what the user chose in the lens stays.
  async show(data, send) {
    const { header, picture, map, units } = unpack(data);
    const ticket = {};
    this.latest = ticket;
    if (this.pictureKey !== header.pictureKey) {
      const decoded = await createImageBitmap(new Blob([picture], { type: "image/jpeg" }));
      if (this.latest !== ticket) return;
      this.bitmap = decoded;
      this.pictureKey = header.pictureKey;
      this.cursor = null;
    }
    this.send = send;
    this.header = header;
    this.map = map;
    this.units = units;
    if (this.view === null) {
      this.view = VIEWS.includes(header.look.view) ? header.look.view : "heat";
      this.whole = header.look.whole === true;
      if (header.look.strength !== null) this.strength[this.view] = header.look.strength;
    }
    this.pin = header.pin;
    this.evidence = header.rows ? this.paint() : null;
    this.marked = header.rows ? levelOf(map, MARKED_SHARE) : 256;
    this.canvas.setAttribute("aria-label", header.alt);
    this.find("caption").textContent = header.caption;
    this.controls();
    this.legend();
    this.resize();
    this.root.querySelector(".lens").dataset.ready = header.answer;
  }

  // The map in colours, one pixel each; where there is no evidence the picture stays as it is.
  paint() {
    const { rows, columns, signed } = this.header;
    const image = new ImageData(columns, rows);
    const stops = signed ? BLUE_ORANGE : INFERNO;
    for (let i = 0; i < this.map.length; i += 1) {
      const share = signed ? (this.map[i] - 128) / 127 : this.map[i] / 255;
      image.data.set(colour(stops, signed ? (share + 1) / 2 : share), i * 4);
      image.data[i * 4 + 3] = 255 * Math.min(1, Math.abs(share) * 1.4);
    }
    return sheet(image);
  }

  // Black where the evidence stays below a level, softened over a twentieth of the scale.
  shade(level) {
    const { rows, columns } = this.header;
    const image = new ImageData(columns, rows);
    for (let i = 0; i < this.map.length; i += 1) {
      const dark = Math.min(1, Math.max(0, (level + 4 - this.map[i]) / 16));
      image.data[i * 4 + 3] = 205 * dark;
    }
    return sheet(image);
  }

  connect() {
    const canvas = this.canvas;
    for (const button of this.root.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => this.choose(button.dataset.view));
    }
    this.find("strength").addEventListener("input", (event) => {
      this.strength[this.view] = Number(event.target.value);
      this.controls();
      this.draw();
      this.remember();
    });
    this.find("whole").addEventListener("click", () => this.toggle());
    canvas.addEventListener("pointermove", (event) => this.point(this.place(event)));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("click", (event) => this.pick(this.place(event)));
    this.root.querySelector(".lens").addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.bitmap && this.resize()).observe(this.find("stage"));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.header) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const onCanvas = event.target === this.canvas;
    if (/^[1-4]$/.test(event.key)) this.choose(VIEWS[Number(event.key) - 1]);
    else if (event.key === "w") this.toggle();
    else if (onCanvas && steps[event.key]) this.step(steps[event.key], event.shiftKey ? 10 : 1);
    else if (onCanvas && (event.key === "Enter" || event.key === " ")) this.pick(this.cursor);
    else if (onCanvas && event.key === "Escape") this.point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step([right, down], size) {
    const { rows, columns } = this.header;
    if (!rows) return;
    const from = this.cursor ?? { x: Math.floor(columns / 2), y: Math.floor(rows / 2) };
    const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));
    const move = this.cursor ? size : 0;
    this.point({ x: clamp(from.x + right * move, columns), y: clamp(from.y + down * move, rows) });
  }

  choose(view) {
    this.view = view;
    this.controls();
    this.draw();
    this.remember();
  }

  toggle() {
    if (this.find("whole").hidden) return;
    this.whole = !this.whole;
    this.controls();
    this.resize();
    this.remember();
  }

  // Tells the page what is chosen, so that it can stand in the address; only once the user pauses.
  remember() {
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => this.send("look", { view: this.view, strength: this.strength[this.view], whole: this.whole }), 500);
  }

  point(pixel) {
    this.cursor = pixel;
    this.draw();
    this.find("readout").textContent = pixel ? this.describe(pixel) : this.header.hint;
  }

  pick(pixel) {
    if (pixel) this.send("picked", pixel);
  }

  describe({ x, y }) {
    if (this.units) return this.unitUnder(x, y);
    const { columns, signed, top, unit, exceeds, ends } = this.header;
    const byte = this.map[y * columns + x];
    const share = signed ? (byte - 128) / 127 : byte / 255;
    const capped = exceeds && Math.abs(share) > 0.999 ? (share > 0 ? "\u2265 " : "\u2264 ") : "";
    const side = signed && share !== 0 && ends[0] ? `, ${ends[share > 0 ? 1 : 0]}` : "";
    return `x ${x}, y ${y}: ${capped}${short(share * top)} ${unit}${side}`;
  }

  // What the unit below a pixel gives, as it is: the colours run smoothly from unit to unit.
  unitUnder(x, y) {
    const { rows, columns, units, unit } = this.header;
    const [row, column] = [Math.floor((y / rows) * units[0]), Math.floor((x / columns) * units[1])];
    return `Row ${row}, column ${column} of the layer: ${short(this.units[row * units[1] + column], 3)} ${unit}`;
  }

  controls() {
    const empty = !this.header.rows;
    for (const button of this.root.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === this.view));
    }
    const area = this.view === "spotlight" || this.view === "outline";
    const slider = this.find("strength");
    slider.disabled = empty || this.view === "image";
    slider.min = area ? 1 : 10;
    slider.max = area ? 60 : 100;
    slider.value = this.strength[this.view];
    const figure = this.view === "image" ? "" : ` ${this.strength[this.view]} %`;
    this.find("strength-name").textContent = area ? "Area" : "Strength";
    this.find("strength-value").textContent = figure;
    slider.setAttribute("aria-valuetext", area ? `the strongest${figure} of the area` : figure.trim() || "off");
    const whole = this.find("whole");
    whole.hidden = !this.header.cropped;
    whole.setAttribute("aria-pressed", String(this.whole));
    this.find("readout").textContent = this.cursor ? this.describe(this.cursor) : this.header.hint;
  }

  legend() {
    const { signed, top, unit, rows, exceeds, ends } = this.header;
    this.find("legend").hidden = !rows;
    if (!rows) return;
    const bar = this.find("bar");
    const pen = bar.getContext("2d");
    for (let i = 0; i < bar.width; i += 1) {
      pen.fillStyle = `rgb(${colour(signed ? BLUE_ORANGE : INFERNO, i / (bar.width - 1)).map(Math.round).join(",")})`;
      pen.fillRect(i, 0, 1, bar.height);
    }
    this.find("low").textContent = signed ? `${short(-top)} ${ends[0]}`.trim() : "0";
    this.find("high").textContent = `${exceeds ? "\u2265 " : ""}${short(top)} ${(signed && ends[1]) || unit}`;
  }

  // Where the picture's visible part and the network's crop lie, both in pixels of the picture sent.
  frame() {
    const [left, top, right, bottom] = this.header.box;
    const crop = { x: left, y: top, width: right - left, height: bottom - top };
    const all = { x: 0, y: 0, width: this.bitmap.width, height: this.bitmap.height };
    return { crop, seen: this.whole && this.header.cropped ? all : crop };
  }

  resize() {
    const { seen } = this.frame();
    const stage = this.find("stage");
    const highest = Math.max(280, Math.min(640, window.innerHeight * 0.62));
    const width = Math.min(stage.clientWidth, (highest * seen.width) / seen.height);
    if (width < 1) return;
    const density = window.devicePixelRatio || 1;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${(width * seen.height) / seen.width}px`;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(((width * seen.height) / seen.width) * density);
    this.draw();
  }

  // From a mouse position to a pixel of the map, or null outside the crop.
  place(event) {
    const { rows, columns } = this.header;
    const shape = this.canvas.getBoundingClientRect();
    const area = this.area(shape.width, shape.height);
    const x = Math.floor(((event.clientX - shape.left - area.x) / area.width) * columns);
    const y = Math.floor(((event.clientY - shape.top - area.y) / area.height) * rows);
    return x >= 0 && y >= 0 && x < columns && y < rows ? { x, y } : null;
  }

  // The crop's place on a canvas of this size.
  area(width, height) {
    const { crop, seen } = this.frame();
    return {
      x: ((crop.x - seen.x) / seen.width) * width,
      y: ((crop.y - seen.y) / seen.height) * height,
      width: (crop.width / seen.width) * width,
      height: (crop.height / seen.height) * height,
    };
  }

  draw() {
    if (!this.bitmap) return;
    const { width, height } = this.canvas;
    const pen = this.canvas.getContext("2d");
    const { seen } = this.frame();
    const area = this.area(width, height);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.bitmap, seen.x, seen.y, seen.width, seen.height, 0, 0, width, height);
    if (this.evidence && this.view !== "image") {
      pen.save();
      pen.beginPath();
      pen.rect(area.x, area.y, area.width, area.height);
      pen.clip();
      this.cover(pen, area);
      pen.restore();
    }
    if (seen.width !== area.width && this.whole && this.header.cropped) this.box(pen, area);
    if (this.pin && this.evidence) this.cross(pen, area, this.pin, "#ffffff");
    if (this.cursor && this.evidence) this.cross(pen, area, this.cursor, "#ffd166");
  }

  cover(pen, area) {
    const into = [area.x, area.y, area.width, area.height];
    const strength = this.strength[this.view];
    if (this.view === "heat") {
      pen.globalAlpha = strength / 100;
      pen.drawImage(this.evidence, ...into);
      pen.globalAlpha = 1;
      if (this.header.marked) this.line(pen, area, this.marked, 1.25);
    } else if (this.view === "spotlight") {
      pen.drawImage(this.shade(levelOf(this.map, strength)), ...into);
    } else {
      this.line(pen, area, levelOf(this.map, strength), 2.25);
    }
  }

  line(pen, area, level, thickness) {
    const { rows, columns } = this.header;
    const density = window.devicePixelRatio || 1;
    pen.beginPath();
    for (const [[x1, y1], [x2, y2]] of contour(this.map, rows, columns, level)) {
      pen.moveTo(area.x + (x1 / columns) * area.width, area.y + (y1 / rows) * area.height);
      pen.lineTo(area.x + (x2 / columns) * area.width, area.y + (y2 / rows) * area.height);
    }
    stroke(pen, thickness * density);
  }

  box(pen, area) {
    pen.beginPath();
    pen.rect(area.x + 1, area.y + 1, area.width - 2, area.height - 2);
    pen.setLineDash([8, 5]);
    stroke(pen, 1.5 * (window.devicePixelRatio || 1));
    pen.setLineDash([]);
  }

  cross(pen, area, { x, y }, paint) {
    const { rows, columns } = this.header;
    const density = window.devicePixelRatio || 1;
    const side = Math.max(area.width / columns, 7 * density);
    const middle = [area.x + ((x + 0.5) / columns) * area.width, area.y + ((y + 0.5) / rows) * area.height];
    pen.beginPath();
    pen.rect(middle[0] - side / 2, middle[1] - side / 2, side, side);
    stroke(pen, 2 * density, paint);
  }
}

// A light line on a dark one: seen on any picture.
function stroke(pen, thickness, paint = "#ffffff") {
  pen.lineCap = "round";
  pen.strokeStyle = "rgba(0, 0, 0, 0.65)";
  pen.lineWidth = thickness * 2.2;
  pen.stroke();
  pen.strokeStyle = paint;
  pen.lineWidth = thickness;
  pen.stroke();
}

function sheet(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let lens = lenses.get(parentElement);
  if (!lens) {
    lens = new Lens(parentElement);
    lenses.set(parentElement, lens);
  }
  lens.show(data, (name, value) => (name === "picked" ? setTriggerValue(name, value) : setStateValue(name, value)));
}
