// Grids of real numbers beside each other with one cursor: either all of the same places (before, after, difference), or
// the second pooled from the first, with the window and its numbers.
//
// data: bytes = 4-byte little-endian length, a JSON header, a table of 256 colours for each sheet, then the numbers of all
// sheets as float32, row by row. header.window: side, stride and way of a pooling; null = the same places.

const all = new WeakMap();
const POINTED = "#ffd166";
const MOST_NUMBERS = 64;

function unpack(bytes) {
  const { header, take, floats } = opened(bytes);
  const tables = header.sheets.map(() => take(768));
  return { header, tables, numbers: header.sheets.map((each) => floats(each.rows * each.columns)) };
}

class Sheets {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.canvases = [];
    this.at = null;
    new ResizeObserver(() => this.header && this.draw()).observe(this.find("row"));
  }

  show(data, send) {
    this.send = send;
    const { header, tables, numbers } = unpack(data);
    if (this.header?.answer === header.answer) return;
    const kept = this.header?.grid === header.grid ? this.at : null;
    Object.assign(this, { header, numbers, at: kept ?? header.at });
    this.images = header.sheets.map((sheet, i) => painted(sheet, numbers[i], tables[i]));
    this.lay();
    this.refresh();
    this.root.querySelector(".sheets").dataset.ready = header.answer;
  }

  // One canvas for each sheet; those that are there are kept, so that the focus stays where it is.
  lay() {
    const row = this.find("row");
    while (this.canvases.length > this.header.sheets.length) this.canvases.pop().closest(".sheet").remove();
    while (this.canvases.length < this.header.sheets.length) row.append(this.place(this.canvases.length));
    row.classList.toggle("three", this.header.sheets.length > 2);
    this.header.sheets.forEach((sheet, i) => {
      const canvas = this.canvases[i];
      const frame = canvas.closest(".sheet");
      frame.classList.toggle("small", sheet.rows * sheet.columns === 1);
      frame.querySelector("h4").textContent = sheet.title;
      frame.querySelector("p").textContent = sheet.below;
      canvas.style.aspectRatio = `${sheet.columns} / ${sheet.rows}`;
      canvas.setAttribute("aria-label", `${sheet.alt} Arrow keys move over the numbers.`);
    });
  }

  place(i) {
    const frame = document.createElement("div");
    frame.className = "sheet";
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "grid of numbers");
    canvas.addEventListener("pointermove", (event) => this.point(this.under(event, i)));
    canvas.addEventListener("pointerdown", (event) => this.point(this.under(event, i)));
    canvas.addEventListener("click", () => this.keep());
    canvas.addEventListener("keydown", (event) => this.key(event));
    frame.append(document.createElement("h4"), canvas, document.createElement("p"));
    this.canvases.push(canvas);
    return frame;
  }

  // The sheet over whose places the cursor moves: the pooled one, where there is a window.
  get ground() {
    return this.header.sheets[this.header.window ? 1 : 0];
  }

  under(event, i) {
    const shape = this.canvases[i].getBoundingClientRect();
    const sheet = this.header.sheets[i];
    let row = Math.floor(((event.clientY - shape.top) / shape.height) * sheet.rows);
    let column = Math.floor(((event.clientX - shape.left) / shape.width) * sheet.columns);
    const { window, at } = this.header;
    if (window && i === 0) {
      [row, column] = [Math.floor(row / window.stride), Math.floor(column / window.stride)];
    }
    return this.inside(row, column) ?? at;
  }

  inside(row, column) {
    const { rows, columns } = this.ground;
    const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));
    return { row: clamp(row, rows), column: clamp(column, columns) };
  }

  point(at) {
    if (at.row === this.at?.row && at.column === this.at?.column) return;
    this.at = at;
    this.refresh();
  }

  key(event) {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const step = steps[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!step && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) return this.keep();
    const size = event.shiftKey ? 5 : 1;
    this.point(this.inside(this.at.row + step[0] * size, this.at.column + step[1] * size));
  }

  keep() {
    this.send("at", this.at);
  }

  refresh() {
    this.draw();
    this.read();
  }

  draw() {
    this.header.sheets.forEach((sheet, i) => {
      const [pen, width, density] = prepare(this.canvases[i], sheet.rows / sheet.columns);
      if (!pen) return;
      pen.imageSmoothingEnabled = false;
      pen.drawImage(this.images[i], 0, 0, width, this.canvases[i].height);
      this.mark(pen, i, width / sheet.columns, density);
    });
  }

  mark(pen, i, cell, density) {
    const { window } = this.header;
    const { row, column } = this.at;
    const first = window && i === 0;
    const box = first
      ? [column * window.stride * cell, row * window.stride * cell, window.side * cell]
      : [column * cell, row * cell, cell];
    if (this.header.sheets[i].rows === 1 && !first) return;
    const side = Math.max(box[2], 7 * density);
    const shift = (side - box[2]) / 2;
    stroke(pen, density, POINTED, 2.5, () => pen.rect(box[0] - shift, box[1] - shift, side, side));
    if (!first || window.way !== "max") return;
    const best = this.largest();
    const dot = Math.max(cell, 4 * density);
    const from = (place) => (place + 0.5) * cell - dot / 2;
    stroke(pen, density, "#ffffff", 1.5, () => pen.rect(from(best.column), from(best.row), dot, dot));
  }

  // The places of the window on the first sheet.
  *places() {
    const { side, stride } = this.header.window;
    const { columns } = this.header.sheets[0];
    for (let down = 0; down < side; down += 1) {
      for (let across = 0; across < side; across += 1) {
        const [row, column] = [this.at.row * stride + down, this.at.column * stride + across];
        yield { row, column, value: this.numbers[0][row * columns + column] };
      }
    }
  }

  largest() {
    let best = null;
    for (const place of this.places()) if (!best || place.value > best.value) best = place;
    return best;
  }

  value(i) {
    return this.numbers[i][this.at.row * this.header.sheets[i].columns + this.at.column];
  }

  read() {
    const readout = this.find("readout");
    const numbers = this.find("numbers");
    numbers.hidden = !this.header.window || this.header.window.side ** 2 > MOST_NUMBERS;
    if (this.header.window) {
      if (!numbers.hidden) this.tabulate(numbers);
      readout.textContent = this.pooled();
      return;
    }
    const parts = this.header.sheets.map((sheet, i) => `${sheet.short} ${short(this.value(i), 3)}`);
    readout.textContent = `Row ${this.at.row}, column ${this.at.column}: ${parts.join(" \u00b7 ")}`;
  }

  pooled() {
    const { side, way } = this.header.window;
    const result = this.value(1);
    const { rows } = this.ground;
    const where = rows === 1 ? "All of the map" : `Row ${this.at.row}, column ${this.at.column}`;
    const count = (side * side).toLocaleString("en");
    const others = (side * side - 1).toLocaleString("en");
    if (way === "max") {
      const best = this.largest();
      const from = `it stood in row ${best.row}, column ${best.column}`;
      return `${where}: the largest of ${count} numbers is ${short(result, 3)}; ${from}. The ${others} others are gone, and so is the place.`;
    }
    let sum = 0;
    for (const place of this.places()) sum += place.value;
    return `${where}: sum ${short(sum, 3)} / ${count} = ${short(result, 3)}. Each of the ${count} numbers counts the same.`;
  }

  tabulate(into) {
    const { side, stride, way } = this.header.window;
    const best = way === "max" ? this.largest() : null;
    const [top, left] = [this.at.row * stride, this.at.column * stride];
    const lines = [...Array(side).keys()].map((down) => `<tr><th scope="row">${top + down}</th>`);
    for (const { row, column, value } of this.places()) {
      const first = best && row === best.row && column === best.column;
      lines[row - top] += `<td${first ? ' class="first"' : ""}>${short(value, 3)}</td>`;
    }
    const heads = [...Array(side).keys()].map((across) => `<th scope="col">${left + across}</th>`).join("");
    into.innerHTML = `<table><caption>The window's numbers</caption><tr><td></td>${heads}</tr>${lines.join("</tr>")}</tr></table>`;
  }
}

function painted({ rows, columns, top, signed }, numbers, table) {
  return sheet(columns, rows, (i) => {
    const share = top > 0 ? Math.min(1, Math.max(signed ? -1 : 0, numbers[i] / top)) : 0;
    const level = Math.round(signed ? 128 + 127 * share : 255 * share);
    return [...table.subarray(3 * level, 3 * level + 3), 255];
  });
}

export default function ({ data, parentElement, setTriggerValue }) {
  let sheets = all.get(parentElement);
  if (!sheets) {
    sheets = new Sheets(parentElement);
    all.set(parentElement, sheets);
  }
  sheets.show(data, setTriggerValue);
}
