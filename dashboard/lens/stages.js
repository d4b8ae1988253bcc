// A small network from the picture to the probabilities: each stage a row of maps, one cell a value.
//
// data: bytes = 4-byte little-endian length, a JSON header, two tables of 256 colours (two signs; grey), and the values of
// all stages as float32, one stage after the other. header.stages[i].reads says which cells of the stage before a cell
// comes from: "patch" (3 x 3 of all maps), "same", "block" (2 x 2 of the same map), "flat" (the cell of that number), "all".

const all = new WeakMap();
const GAP = 5;
const LABEL = 14;

function unpack(bytes) {
  const { header, take, floats } = opened(bytes);
  const tables = { two: take(768), grey: take(768) };
  const { offset, channels, rows, columns } = header.stages.at(-1);
  return { header, tables, values: floats(offset + channels * rows * columns) };
}

class Stages {
  constructor(root) {
    this.root = root;
    this.rows = root.querySelector('[data-part="rows"]');
    this.readout = root.querySelector('[data-part="readout"]');
    this.at = null;
    this.canvases = [];
    new ResizeObserver(() => this.header && this.draw()).observe(this.rows);
    root.querySelector('[data-part="go"]').addEventListener("click", () => {
      document.querySelector(`.st-key-${this.header.below}`)?.scrollIntoView({ behavior: "smooth", block: "center" });
    });
  }

  show(data, send) {
    this.send = send;
    Object.assign(this, unpack(data));
    if (this.canvases.length !== this.header.stages.length) this.build();
    this.header.stages.forEach((stage, number) => this.canvases[number].setAttribute("aria-label", stage.alt));
    this.draw();
    this.read();
    this.root.querySelector(".stages").dataset.ready = this.header.answer;
  }

  build() {
    this.rows.replaceChildren();
    this.canvases = this.header.stages.map((stage, number) => {
      const row = document.createElement("div");
      row.className = stage.first ? "stage first" : "stage";
      row.dataset.stage = stage.name;
      const words = document.createElement("div");
      words.append(text("h4", stage.title), text("p", stage.note));
      const canvas = document.createElement("canvas");
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "application");
      canvas.setAttribute("aria-roledescription", "grid of units");
      canvas.addEventListener("pointermove", (event) => this.point(this.place(event, number)));
      canvas.addEventListener("pointerleave", () => this.point(null));
      canvas.addEventListener("click", (event) => this.pick(this.place(event, number)));
      canvas.addEventListener("keydown", (event) => this.key(event, number));
      const holder = document.createElement("div");
      holder.append(canvas);
      row.append(words, holder);
      this.rows.append(row);
      return canvas;
    });
  }

  // Where the tiles of a stage stand, in CSS pixels: tiles of maps that belong together stand in one column.
  shape(number) {
    const stage = this.header.stages[number];
    const width = this.canvases[number].parentElement.clientWidth;
    const narrow = width < 560;
    const across = narrow ? stage.narrow : stage.wide;
    const pitch = Math.min((width - 2 + GAP) / across, stage.most);
    const cell = Math.min((pitch - GAP) / stage.span, stage.cell);
    const label = stage.labels ? LABEL : 0;
    return { across, pitch, cell, label, high: cell * stage.rows + GAP + label + (stage.rows > 1 ? GAP : 0), width };
  }

  draw() {
    this.header.stages.forEach((_, number) => this.drawStage(number));
  }

  drawStage(number) {
    const { header, canvases, values } = this;
    const stage = header.stages[number];
    const shape = this.shape(number);
    if (shape.width < 1) return;
    const density = window.devicePixelRatio || 1;
    const canvas = canvases[number];
    const height = Math.ceil(stage.channels / shape.across) * shape.high + 2;
    canvas.width = Math.round(shape.width * density);
    canvas.height = Math.round(height * density);
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(this.root.querySelector(".stages"));
    pen.scale(density, density);
    for (let channel = 0; channel < stage.channels; channel += 1) {
      for (let row = 0; row < stage.rows; row += 1) {
        for (let column = 0; column < stage.columns; column += 1) {
          const [left, top] = this.corner(number, shape, { channel, row, column });
          const value = values[this.index(stage, { channel, row, column })];
          const colour = this.colour(stage, value);
          pen.fillStyle = `rgb(${colour.join(" ")})`;
          pen.fillRect(left, top, shape.cell - 0.5, shape.cell - 0.5);
          if (shape.cell >= 30) this.write(pen, style, colour, stage, value, left, top, shape.cell);
        }
      }
      this.frame(pen, style, stage, shape, this.corner(number, shape, { channel, row: 0, column: 0 }));
      if (stage.labels) {
        const [left, top] = this.corner(number, shape, { channel, row: stage.rows, column: 0 });
        pen.fillStyle = style.color;
        pen.font = `12px ${style.fontFamily}`;
        pen.textAlign = "left";
        pen.textBaseline = "alphabetic";
        pen.fillText(stage.labels[channel], left + 1, top + 11);
      }
    }
    this.outlines(number, shape, pen, style);
  }

  // A map of zeros is as light as the page.
  frame(pen, style, { rows, columns }, { cell }, [left, top]) {
    pen.globalAlpha = 0.35;
    pen.strokeStyle = style.color;
    pen.lineWidth = 1;
    pen.strokeRect(left - 0.5, top - 0.5, columns * cell + 0.5, rows * cell + 0.5);
    pen.globalAlpha = 1;
  }

  write(pen, style, [red, green, blue], stage, value, left, top, cell) {
    pen.fillStyle = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000000" : "#ffffff";
    pen.font = `${Math.min(13, cell / 3)}px ${style.fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const percent = value < 0.005 ? "<1 %" : value > 0.995 && value < 1 ? ">99 %" : `${Math.round(100 * value)} %`;
    pen.fillText(stage.percent ? percent : short(value, 2), left + cell / 2, top + cell / 2, cell - 4);
  }

  outlines(number, shape, pen, style) {
    const { picked, stages } = this.header;
    const ground = getComputedStyle(this.readout.parentElement).backgroundColor;
    for (const [unit, paint] of [[picked, style.getPropertyValue("--st-primary-color")], [this.at, style.color]]) {
      if (!unit) continue;
      const here = stages.findIndex((stage) => stage.name === unit.stage);
      const box = (cell, rows, columns, thickness) => {
        const [left, top] = this.corner(number, shape, cell);
        for (const [colour, width] of [[ground, thickness + 2], [paint, thickness]]) {
          pen.strokeStyle = colour;
          pen.lineWidth = width;
          pen.strokeRect(left + 1, top + 1, columns * shape.cell - 2.5, rows * shape.cell - 2.5);
        }
      };
      if (here === number) box(unit, 1, 1, 3);
      else if (here === number + 1) this.sources(stages[number], stages[here], unit).forEach((part) => box(part, part.rows, part.columns, 2));
    }
  }

  // The cells of the stage before that a unit is computed from, as boxes.
  sources(before, stage, { channel, row, column }) {
    const { rows, columns } = before;
    if (stage.reads === "same") return [{ channel, row, column, rows: 1, columns: 1 }];
    if (stage.reads === "block") return [{ channel, row: 2 * row, column: 2 * column, rows: 2, columns: 2 }];
    if (stage.reads === "flat") {
      const inside = channel % (rows * columns);
      const at = { row: Math.floor(inside / columns), column: inside % columns };
      return [{ channel: Math.floor(channel / (rows * columns)), ...at, rows: 1, columns: 1 }];
    }
    const patch = { row: 0, column: 0, rows, columns };
    if (stage.reads === "patch") {
      const [top, left] = [Math.max(0, row - 1), Math.max(0, column - 1)];
      Object.assign(patch, { row: top, column: left, rows: Math.min(rows, row + 2) - top, columns: Math.min(columns, column + 2) - left });
    }
    return Array.from({ length: before.channels }, (_, each) => ({ channel: each, ...patch }));
  }

  corner(number, shape, { channel, row, column }) {
    const left = (channel % shape.across) * shape.pitch + column * shape.cell;
    return [left + 1, Math.floor(channel / shape.across) * shape.high + row * shape.cell + 1];
  }

  index(stage, { channel, row, column }) {
    return stage.offset + (channel * stage.rows + row) * stage.columns + column;
  }

  colour(stage, value) {
    const share = stage.top > 0 ? Math.max(-1, Math.min(1, value / stage.top)) : 0;
    const level = stage.grey ? Math.round(share * 255) : Math.round(128 + share * 127);
    return [...this.tables[stage.grey ? "grey" : "two"].subarray(level * 3, level * 3 + 3)];
  }

  place(event, number) {
    if (!this.header) return null;
    const stage = this.header.stages[number];
    const frame = this.canvases[number].getBoundingClientRect();
    const shape = this.shape(number);
    const [x, y] = [event.clientX - frame.left - 1, event.clientY - frame.top - 1];
    const [across, down] = [Math.floor(x / shape.pitch), Math.floor(y / shape.high)];
    const channel = down * shape.across + across;
    const row = Math.floor((y - down * shape.high) / shape.cell);
    const column = Math.floor((x - across * shape.pitch) / shape.cell);
    const outside = x < 0 || y < 0 || across >= shape.across || channel >= stage.channels;
    if (outside || row >= stage.rows || column >= stage.columns) return null;
    return { stage: stage.name, channel, row, column };
  }

  key(event, number) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.header) return;
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (steps[event.key]) this.move(number, ...steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.pick(this.at);
    else if (event.key === "Escape") this.point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // One cell on; over the edge of a map, to the map beside it.
  move(number, down, right) {
    const stage = this.header.stages[number];
    const here = (unit) => (unit?.stage === stage.name ? unit : null);
    const from = here(this.at) ?? here(this.header.picked);
    if (!here(this.at)) {
      this.point(from ?? { stage: stage.name, channel: 0, row: 0, column: 0 });
      return;
    }
    const next = { ...from, row: from.row + down, column: from.column + right };
    const { across } = this.shape(number);
    if (next.column < 0 || next.column >= stage.columns) {
      next.channel += right;
      next.column = right > 0 ? 0 : stage.columns - 1;
    } else if (next.row < 0 || next.row >= stage.rows) {
      next.channel += down * across;
      next.row = down > 0 ? 0 : stage.rows - 1;
    }
    if (next.channel >= 0 && next.channel < stage.channels) this.point(next);
  }

  point(at) {
    if (JSON.stringify(at) === JSON.stringify(this.at)) return;
    this.at = at;
    if (!this.header) return;
    this.draw();
    this.read();
  }

  pick(at) {
    if (at) this.send("unit", at);
  }

  read() {
    if (!this.at) {
      this.readout.textContent = this.header.said;
      return;
    }
    const stage = this.header.stages.find((each) => each.name === this.at.stage);
    const { channel, row, column } = this.at;
    const value = this.values[this.index(stage, this.at)];
    const where = stage.rows * stage.columns > 1 ? `${stage.part} ${channel}, row ${row}, column ${column}` : `${stage.part} ${channel}`;
    this.readout.textContent = `${stage.title}, ${where}: ${short(value, 3)} · ${stage.from}`;
  }
}

function text(kind, words) {
  const node = document.createElement(kind);
  node.textContent = words;
  return node;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let stages = all.get(parentElement);
  if (!stages) {
    stages = new Stages(parentElement);
    all.set(parentElement, stages);
  }
  stages.show(data, setTriggerValue);
}
