// A sheet of 32 x 32 bits to draw on with the mouse, a finger or the keyboard. What is drawn is sent as 256 hexadecimal
// digits, row by row, when the pen is lifted.
//
// data: { drawing: such digits, or "" for a blank sheet; alt; hint }

const all = new WeakMap();
const SIDE = 32;
const BLOCK = 4;
const PEN = 2.3;
const PAUSE = 350;

function read(digits) {
  const bits = new Uint8Array(SIDE * SIDE);
  [...digits].forEach((digit, place) => {
    const four = parseInt(digit, 16);
    for (let bit = 0; bit < 4; bit += 1) bits[place * 4 + bit] = (four >> (3 - bit)) & 1;
  });
  return bits;
}

function written(bits) {
  let digits = "";
  for (let place = 0; place < bits.length; place += 4) {
    digits += (bits[place] * 8 + bits[place + 1] * 4 + bits[place + 2] * 2 + bits[place + 3]).toString(16);
  }
  return bits.some(Boolean) ? digits : "";
}

class Drawing {
  constructor(root) {
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.root = root.querySelector(".drawing");
    this.canvas = this.find("sheet");
    this.bits = read("");
    this.before = [];
    this.underway = [];
    this.pen = null;
    this.cursor = { x: SIDE / 2, y: SIDE / 2 };
    this.down = false;
    this.canvas.addEventListener("pointerdown", (event) => this.start(event));
    this.canvas.addEventListener("pointermove", (event) => this.follow(event));
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => this.lift());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["focus", "blur"]) this.canvas.addEventListener(name, () => this.draw());
    this.find("erase").addEventListener("click", () => this.turn());
    this.find("undo").addEventListener("click", () => this.undo());
    this.find("clear").addEventListener("click", () => this.change(() => this.bits.fill(0)));
    this.find("scribble").addEventListener("click", () => this.change(() => this.scribble()));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  show(data, send) {
    this.send = send;
    this.hint = data.hint;
    this.canvas.setAttribute("aria-label", data.alt);
    // What comes back may be an older stroke, which must not wipe out what was drawn since.
    const own = this.underway.indexOf(data.drawing);
    if (own >= 0) this.underway.splice(0, own + 1);
    else if (data.drawing !== this.given) {
      this.bits = read(data.drawing);
      this.told = data.drawing;
    }
    this.given = data.drawing;
    this.draw();
    this.say();
    this.root.dataset.ready = data.drawing || "blank";
  }

  get erasing() {
    return this.find("erase").getAttribute("aria-pressed") === "true";
  }

  turn() {
    this.find("erase").setAttribute("aria-pressed", String(!this.erasing));
    this.say();
  }

  start(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.remember();
    this.pen = this.point(event);
    this.stroke(this.pen, this.pen);
  }

  follow(event) {
    if (!this.pen) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const next = this.point(one);
      this.stroke(this.pen, next);
      this.pen = next;
    }
  }

  lift() {
    if (!this.pen) return;
    this.pen = null;
    this.tell();
  }

  point(event) {
    const frame = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - frame.left) / frame.width) * SIDE, y: ((event.clientY - frame.top) / frame.height) * SIDE };
  }

  // Sets, or takes away, every bit whose middle is near the line.
  stroke(from, to) {
    const [right, down] = [to.x - from.x, to.y - from.y];
    const length = right * right + down * down;
    const bit = this.erasing ? 0 : 1;
    for (let place = 0; place < this.bits.length; place += 1) {
      const [x, y] = [(place % SIDE) + 0.5 - from.x, Math.floor(place / SIDE) + 0.5 - from.y];
      const along = length ? Math.min(1, Math.max(0, (x * right + y * down) / length)) : 0;
      if (Math.hypot(x - along * right, y - along * down) <= PEN) this.bits[place] = bit;
    }
    this.draw();
  }

  scribble() {
    this.bits.fill(0);
    const erasing = this.erasing;
    if (erasing) this.turn();
    const anywhere = () => ({ x: 2 + Math.random() * (SIDE - 4), y: 2 + Math.random() * (SIDE - 4) });
    let from = anywhere();
    for (let line = 0; line < 5; line += 1) {
      const to = anywhere();
      this.stroke(from, to);
      from = to;
    }
    if (erasing) this.turn();
  }

  remember() {
    this.before = [...this.before.slice(-30), this.bits.slice()];
  }

  undo() {
    if (!this.before.length) return;
    this.bits = this.before.pop();
    this.draw();
    this.tell();
  }

  change(how) {
    this.remember();
    how();
    this.draw();
    this.tell();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (steps[event.key]) this.step(steps[event.key], event.shiftKey ? BLOCK : 1);
    else if (event.key === " ") this.press();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step([right, down], size) {
    const clamp = (place) => Math.min(SIDE - 1, Math.max(1, place));
    const next = { x: clamp(this.cursor.x + right * size), y: clamp(this.cursor.y + down * size) };
    if (this.down) {
      this.stroke(this.cursor, next);
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.tell(), PAUSE);
    }
    this.cursor = next;
    this.draw();
  }

  press() {
    this.down = !this.down;
    if (this.down) {
      this.remember();
      this.stroke(this.cursor, this.cursor);
    }
    this.say();
    this.tell();
  }

  tell() {
    clearTimeout(this.waiting);
    const digits = written(this.bits);
    if (digits === this.told) return;
    this.told = digits;
    this.underway.push(digits);
    this.send("drawn", digits);
  }

  say() {
    const pen = this.erasing ? "rubber" : "pen";
    this.find("readout").textContent = this.down ? `The ${pen} is down: arrow keys draw, space lifts it.` : this.hint;
  }

  draw() {
    const density = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * density);
    if (width < 1) return;
    this.canvas.width = this.canvas.height = width;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.root);
    const cell = width / SIDE;
    // Ink is white on black, as in the pictures that the network reads.
    pen.fillStyle = "#000000";
    pen.fillRect(0, 0, width, width);
    pen.fillStyle = "#ffffff";
    this.bits.forEach((bit, place) => {
      if (bit) pen.fillRect((place % SIDE) * cell, Math.floor(place / SIDE) * cell, cell + 0.5, cell + 0.5);
    });
    pen.strokeStyle = "rgba(128, 128, 128, 0.55)";
    pen.lineWidth = density;
    for (let line = BLOCK; line < SIDE; line += BLOCK) {
      pen.beginPath();
      pen.moveTo(line * cell, 0);
      pen.lineTo(line * cell, width);
      pen.moveTo(0, line * cell);
      pen.lineTo(width, line * cell);
      pen.stroke();
    }
    if (!this.canvas.matches(":focus-visible")) return;
    for (const [colour, thick] of [["#000000", 5], [this.down ? style.getPropertyValue("--st-primary-color") : "#ffd166", 2.5]]) {
      pen.beginPath();
      pen.arc(this.cursor.x * cell, this.cursor.y * cell, PEN * cell, 0, 2 * Math.PI);
      pen.strokeStyle = colour;
      pen.lineWidth = thick * density;
      pen.stroke();
    }
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let drawing = all.get(parentElement);
  if (!drawing) {
    drawing = new Drawing(parentElement);
    all.set(parentElement, drawing);
  }
  drawing.show(data, setTriggerValue);
}
