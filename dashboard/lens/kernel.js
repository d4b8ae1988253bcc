// A kernel on its way over a picture: what lies under it, the products, their sum, and the output that it fills.
//
// data: bytes = 4-byte little-endian length, a JSON header, a table of 256 colours (blue, zero, orange), and as float32
// the picture (channels x side x side), the kernels (channels x size x size) and the output (rows x columns).
// header.mix: the weight of each channel's sum; null where the sums are simply added.

const all = new WeakMap();
const [KERNEL, HERE] = ["#ffd166", "#ffffff"];
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)");
const [QUICK, SLOW] = [45, 700];
const WRONG = "A weight is a number from \u221299 to 99. Until all nine are, the kernel stays as it was.";

function unpack(bytes) {
  const { header, take, floats } = opened(bytes);
  const { channels, side, size: kernel, rows, columns } = header;
  const table = take(768);
  const picture = floats(channels.length * side * side);
  const kernels = floats(channels.length * kernel * kernel);
  return { header, table, picture, kernels, output: floats(rows * columns) };
}

class Kernel {
  constructor(root) {
    this.root = root;
    this.sent = [];
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    const [picture, output] = [this.find("picture"), this.find("output")];
    output.addEventListener("pointermove", (event) => this.point(this.onOutput(event)));
    picture.addEventListener("pointermove", (event) => this.point(this.onPicture(event)));
    for (const canvas of [picture, output]) {
      canvas.addEventListener("pointerleave", () => this.point(null));
      canvas.addEventListener("click", (event) => this.pin(canvas === output ? this.onOutput(event) : this.onPicture(event)));
    }
    output.addEventListener("keydown", (event) => this.key(event));
    this.find("play").addEventListener("click", () => (this.timer ? this.pin(this.at) : this.play()));
    this.find("step").addEventListener("click", () => this.step());
    new ResizeObserver(() => this.header && this.draw()).observe(root.querySelector(".grid"));
  }

  show(data, send) {
    this.send = send;
    const now = unpack(data);
    const [row, column] = now.header.at;
    const answered = this.sent.findLastIndex((one) => one.row === row && one.column === column);
    this.sent = answered < 0 ? [] : this.sent.slice(answered + 1);
    if (this.header?.answer === now.header.answer) return;
    const moved = this.header?.grid !== now.header.grid;
    Object.assign(this, now);
    if (moved || !this.pinned) {
      this.stop();
      this.pointed = null;
    }
    // The answer to an earlier step does not take back a later one, whose own answer is still to come.
    this.pinned = this.sent.at(-1) ?? { row, column };
    this.sheets = { picture: this.pictureSheet(), output: this.outputSheet() };
    this.label();
    this.kernelTables();
    this.refresh();
    this.root.querySelector(".kernel").dataset.ready = now.header.answer;
  }

  label() {
    const { header } = this;
    this.find("picture-title").textContent = header.pictureTitle;
    this.find("kernel-title").textContent = header.kernelTitle;
    this.find("output-title").textContent = header.outputTitle;
    this.find("picture").setAttribute("aria-label", header.pictureAlt);
    this.find("output").setAttribute("aria-label", header.outputAlt);
    this.find("picture").style.aspectRatio = "1";
    this.find("output").style.aspectRatio = `${header.columns} / ${header.rows}`;
  }

  get at() {
    return this.pointed ?? this.pinned;
  }

  pictureSheet() {
    const { side, channels } = this.header;
    const plane = side * side;
    const level = (i, c) => Math.round(255 * this.picture[(channels.length > 1 ? c : 0) * plane + i]);
    return sheet(side, side, (i) => [level(i, 0), level(i, 1), level(i, 2), 255]);
  }

  outputSheet() {
    const { rows, columns, signed, top } = this.header;
    return sheet(columns, rows, (i) => {
      if (!signed) return [...Array(3).fill(255 * Math.min(1, Math.max(0, this.output[i]))), 255];
      const place = 128 + Math.round(Math.min(127, Math.max(-127, (127 * this.output[i]) / (top || 1))));
      return [...this.table.subarray(place * 3, place * 3 + 3), 255];
    });
  }

  // The upper left pixel under the kernel, counted from the picture's own; negative in the padding.
  corner({ row, column }) {
    const { stride, before } = this.header;
    return { y: row * stride - before, x: column * stride - before };
  }

  draw() {
    this.drawPicture();
    this.drawOutput();
  }

  drawPicture() {
    const { side, before, after, size, dilation } = this.header;
    const [pen, width, density] = prepare(this.find("picture"), 1);
    if (!pen) return;
    const cell = width / (side + before + after);
    const style = getComputedStyle(this.root.querySelector(".kernel"));
    if (before + after > 0) hatch(pen, width, density, style);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.sheets.picture, before * cell, before * cell, side * cell, side * cell);
    const { x, y } = this.corner(this.at);
    const at = (pixel) => (pixel + before) * cell;
    const span = (dilation * (size - 1) + 1) * cell;
    pen.fillStyle = "rgba(255, 209, 102, 0.35)";
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j < size; j += 1) pen.fillRect(at(x + j * dilation), at(y + i * dilation), cell, cell);
    }
    stroke(pen, density, KERNEL, 2, () => pen.rect(at(x), at(y), span, span));
  }

  drawOutput() {
    const { rows, columns } = this.header;
    const [pen, width, density] = prepare(this.find("output"), rows / columns);
    if (!pen) return;
    const cell = width / columns;
    const { row, column } = this.at;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.sheets.output, 0, 0, width, cell * rows);
    if (this.timer) {
      pen.fillStyle = getComputedStyle(this.root.querySelector(".kernel")).getPropertyValue("--st-secondary-background-color");
      pen.globalAlpha = 0.94;
      pen.fillRect((column + 1) * cell, row * cell, width, cell);
      pen.fillRect(0, (row + 1) * cell, width, cell * rows);
      pen.globalAlpha = 1;
    }
    const large = Math.max(cell, 7 * density);
    const from = (place) => (place + 0.5) * cell - large / 2;
    stroke(pen, density, HERE, 2, () => pen.rect(from(column), from(row), large, large));
  }

  // The kernel as tables, one for each channel; own numbers can be typed.
  kernelTables() {
    const { header, kernels } = this;
    const largest = Math.max(...kernels.map(Math.abs));
    if (header.own && this.find("kernels").querySelector("input")) return this.fillInputs();
    const tables = header.channels.map((name, channel) => {
      const weights = [...kernels.subarray(channel * header.size ** 2, (channel + 1) * header.size ** 2)];
      const cell = header.own ? (place) => this.field(place, weights[place], largest) : shaded(weights);
      const table = numbers(name, header.size, cell);
      if (header.size > 3 || header.channels.length > 1) table.classList.add("small");
      return table;
    });
    this.find("kernels").replaceChildren(...tables);
    this.judge();
  }

  field(place, value, largest) {
    const cell = element("td");
    cell.style.backgroundColor = shade(value, largest);
    const field = element("input");
    Object.assign(field, { type: "number", step: "any", min: -99, max: 99, value: Number(value.toPrecision(6)) });
    field.setAttribute("aria-label", `weight in row ${Math.floor(place / 3) + 1}, column ${(place % 3) + 1}`);
    field.addEventListener("change", () => {
      if (this.judge()) this.send("weights", this.fields.map((one) => Number(one.value)));
    });
    cell.append(field);
    return cell;
  }

  get fields() {
    return [...this.find("kernels").querySelectorAll("input")];
  }

  // Tells whether all weights are numbers that count, and says so where one is not.
  judge() {
    const wrong = this.fields.filter((one) => one.value === "" || !one.validity.valid);
    for (const one of this.fields) one.setAttribute("aria-invalid", String(wrong.includes(one)));
    this.find("wrong").hidden = wrong.length === 0;
    this.find("wrong").textContent = wrong.length ? WRONG : "";
    return wrong.length === 0;
  }

  fillInputs() {
    const largest = Math.max(...this.kernels.map(Math.abs));
    this.fields.forEach((field, place) => {
      if (field !== this.root.activeElement) field.value = Number(this.kernels[place].toPrecision(6));
      field.parentElement.style.backgroundColor = shade(this.kernels[place], largest);
    });
    this.judge();
  }

  // What lies under the kernel in one channel: the value of each pixel, null in the padding.
  patch(channel) {
    const { size, side, dilation } = this.header;
    const { x, y } = this.corner(this.at);
    return Array.from({ length: size * size }, (_, place) => {
      const [row, column] = [y + Math.floor(place / size) * dilation, x + (place % size) * dilation];
      const inside = row >= 0 && column >= 0 && row < side && column < side;
      return inside ? this.picture[(channel * side + row) * side + column] : null;
    });
  }

  writeSums() {
    const patches = this.header.channels.map((_, channel) => this.patch(channel));
    this.find("sums").replaceChildren(...sumsOf(this.header, this.kernels, patches));
  }

  read() {
    const { row, column } = this.at;
    const value = this.output[row * this.header.columns + column];
    this.find("readout").textContent = `Output row ${row}, column ${column}: ${short(value, 3)}`;
  }

  refresh() {
    this.draw();
    this.read();
    this.writeSums();
  }

  point(place) {
    if (!this.header || this.timer) return;
    this.pointed = place;
    this.refresh();
  }

  pin(place) {
    if (!place) return;
    this.stop();
    this.pinned = place;
    this.pointed = null;
    this.refresh();
    this.sent.push(place);
    this.send("place", place);
  }

  play() {
    const { rows, columns } = this.header;
    const last = this.at.row === rows - 1 && this.at.column === columns - 1;
    this.pointed = last ? { row: 0, column: 0 } : this.at;
    this.find("play").textContent = "Pause";
    this.find("readout").setAttribute("aria-live", "off");
    this.timer = window.setInterval(() => this.tick(), CALM.matches ? SLOW : QUICK);
    this.refresh();
  }

  tick() {
    if (!this.root.isConnected) this.stop();
    else if (!this.advance()) this.pin(this.at);
  }

  stop() {
    if (!this.timer) return;
    window.clearInterval(this.timer);
    this.timer = null;
    this.pinned = this.at;
    this.pointed = null;
    this.find("play").textContent = "Slide the kernel";
    this.find("readout").setAttribute("aria-live", "polite");
    this.refresh();
  }

  step() {
    this.stop();
    if (!this.advance()) this.pointed = { row: 0, column: 0 };
    this.pin(this.at);
  }

  // To the next place in reading order; false behind the last.
  advance() {
    const { rows, columns } = this.header;
    const next = this.at.row * columns + this.at.column + 1;
    if (next >= rows * columns) return false;
    this.pointed = { row: Math.floor(next / columns), column: next % columns };
    this.refresh();
    return true;
  }

  onOutput(event) {
    if (!this.header) return null;
    const { rows, columns } = this.header;
    const shape = this.find("output").getBoundingClientRect();
    const row = Math.floor(((event.clientY - shape.top) / shape.height) * rows);
    const column = Math.floor(((event.clientX - shape.left) / shape.width) * columns);
    return { row: clamp(row, rows), column: clamp(column, columns) };
  }

  // The place whose kernel has its middle nearest to the pointer.
  onPicture(event) {
    if (!this.header) return null;
    const { rows, columns, side, before, after, size, dilation, stride } = this.header;
    const shape = this.find("picture").getBoundingClientRect();
    const full = side + before + after;
    const nearest = (share) => Math.round((share * full - (dilation * (size - 1) + 1) / 2) / stride);
    const row = nearest((event.clientY - shape.top) / shape.height);
    const column = nearest((event.clientX - shape.left) / shape.width);
    return { row: clamp(row, rows), column: clamp(column, columns) };
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.header) return;
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const size = event.shiftKey ? 5 : 1;
    if (steps[event.key]) {
      const [down, right] = steps[event.key];
      const { rows, columns } = this.header;
      this.stop();
      this.point({ row: clamp(this.at.row + down * size, rows), column: clamp(this.at.column + right * size, columns) });
    } else if (event.key === "Enter" || event.key === " ") this.pin(this.at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));

function hatch(pen, width, density, style) {
  pen.fillStyle = style.getPropertyValue("--st-secondary-background-color");
  pen.fillRect(0, 0, width, width);
  pen.strokeStyle = "rgba(128, 128, 128, 0.55)";
  pen.lineWidth = density;
  pen.beginPath();
  for (let start = -width; start < width; start += 6 * density) {
    pen.moveTo(start, 0);
    pen.lineTo(start + width, width);
  }
  pen.stroke();
}

export default function ({ data, parentElement, setTriggerValue }) {
  let kernel = all.get(parentElement);
  if (!kernel) {
    kernel = new Kernel(parentElement);
    all.set(parentElement, kernel);
  }
  kernel.show(data, setTriggerValue);
}
