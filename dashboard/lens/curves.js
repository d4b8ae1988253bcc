// Lines over one axis, drawn to the width there is: point at them, or use the arrow keys, for the numbers at a place.
//
// data: title, alt, across and up (the axes' names), low and high of both, log (up in powers of ten), lines (name,
// tone: first | second | third, x, y, spots), tangent (x, y, slope) or null, at (where the marker stands) or null, hint.
// A click, or Enter, sends `at`, the place on the axis across.

const all = new WeakMap();
const SPACE = { left: 52, right: 14, top: 10, bottom: 40 };

class Curves {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.svg = svg("svg", { tabindex: 0, role: "application", "aria-roledescription": "chart" });
    this.find("chart").append(this.svg);
    this.svg.addEventListener("pointermove", (event) => this.point(this.under(event)));
    this.svg.addEventListener("pointerdown", (event) => this.point(this.under(event)));
    this.svg.addEventListener("pointerleave", () => this.point(null));
    this.svg.addEventListener("click", (event) => this.keep(this.under(event)));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.data && this.draw()).observe(this.find("chart"));
  }

  show(data, send) {
    Object.assign(this, { data, send });
    // The axis up, as it is drawn: powers of ten, or the numbers themselves.
    this.rise = data.log ? (value) => Math.log10(Math.max(value, Number.MIN_VALUE)) : (value) => value;
    this.find("title").textContent = data.title;
    this.svg.setAttribute("aria-label", `${data.alt} Arrow keys move along it.`);
    this.find("keys").replaceChildren(...(data.lines.length > 1 ? data.lines.map(key) : []));
    this.draw();
    this.read();
    this.root.querySelector(".curves").dataset.ready = data.answer;
  }

  get stops() {
    return this.data.lines[0].x;
  }

  draw() {
    const width = this.find("chart").clientWidth;
    if (width < 1) return;
    const height = Math.max(190, Math.min(this.data.height, width * 0.72));
    const { low, high, data } = { ...this.ends(), data: this.data };
    const wide = width - SPACE.left - SPACE.right;
    const tall = height - SPACE.top - SPACE.bottom;
    this.x = (value) => SPACE.left + ((value - data.low) / (data.high - data.low)) * wide;
    this.y = (value) => SPACE.top + (1 - (Math.min(high, Math.max(low, this.rise(value))) - low) / (high - low)) * tall;
    this.back = (pixel) => data.low + ((pixel - SPACE.left) / wide) * (data.high - data.low);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.style.height = `${height}px`;
    const parts = [...this.axes(width, height, low, high), ...this.tangent()];
    for (const line of data.lines) parts.push(...this.line(line));
    this.cursor = svg("g", {});
    this.svg.replaceChildren(...parts, this.cursor);
    this.mark();
  }

  ends() {
    return { low: this.rise(this.data.bottom), high: this.rise(this.data.top) };
  }

  axes(width, height, low, high) {
    const { data } = this;
    const parts = [];
    const beneath = height - SPACE.bottom;
    const up = data.log ? ticks(low, high, 7).filter(Number.isInteger) : ticks(low, high, 5);
    for (const tick of up) {
      const value = data.log ? 10 ** tick : tick;
      const y = this.y(value);
      parts.push(svg("line", { x1: SPACE.left, x2: width - SPACE.right, y1: y, y2: y, class: tick === 0 && !data.log ? "zero" : "grid" }));
      parts.push(svg("text", { x: SPACE.left - 7, y: y + 4, "text-anchor": "end" }, data.log ? power(tick) : short(value, 3)));
    }
    for (const tick of ticks(data.low, data.high, Math.min(width / 70, data.most ?? 12))) {
      const x = this.x(tick);
      parts.push(svg("line", { x1: x, x2: x, y1: SPACE.top, y2: beneath, class: tick === 0 ? "zero" : "grid" }));
      parts.push(svg("text", { x, y: beneath + 16, "text-anchor": "middle" }, short(tick, 3)));
    }
    parts.push(svg("text", { x: SPACE.left + (width - SPACE.left - SPACE.right) / 2, y: height - 6, "text-anchor": "middle" }, data.across));
    return parts;
  }

  line({ x, y, tone, spots, jump }) {
    const point = (across, up) => `${this.x(across).toFixed(1)},${this.y(up).toFixed(1)}`;
    // Where the line jumps, it goes straight up or down.
    const leap = (i) => i > 0 && jump !== null && Math.abs(y[i] - y[i - 1]) > jump;
    const points = x.flatMap((each, i) => (leap(i) ? [point(x[i - 1], y[i]), point(each, y[i])] : [point(each, y[i])]));
    const parts = [svg("polyline", { points: points.join(" "), class: `line ${tone}` })];
    if (spots) parts.push(...x.map((each, i) => svg("circle", { cx: this.x(each), cy: this.y(y[i]), r: 3.5, class: `spot ${tone}` })));
    return parts;
  }

  // A piece of the straight line that touches the first curve at the marker.
  tangent() {
    const { tangent, low, high, bottom, top } = this.data;
    if (!tangent) return [];
    const reach = (high - low) / 6;
    const inside = (x) => tangent.y + tangent.slope * (x - tangent.x) <= top && tangent.y + tangent.slope * (x - tangent.x) >= bottom;
    const ends = [tangent.x - reach, tangent.x + reach].map((x) => {
      let end = Math.min(high, Math.max(low, x));
      for (let step = 0; step < 40 && !inside(end); step += 1) end += (tangent.x - end) / 10;
      return end;
    });
    const [x1, x2] = ends.map(this.x);
    const [y1, y2] = ends.map((x) => this.y(tangent.y + tangent.slope * (x - tangent.x)));
    return [svg("line", { x1, x2, y1, y2, class: "tangent" })];
  }

  mark() {
    const at = this.pointed ?? this.data.at;
    this.cursor.replaceChildren();
    if (at === null || at === undefined) return;
    const i = this.nearest(at);
    const x = this.x(this.stops[i]);
    const beneath = Number(this.svg.getAttribute("viewBox").split(" ")[3]) - SPACE.bottom;
    this.cursor.append(svg("line", { x1: x, x2: x, y1: SPACE.top, y2: beneath, class: "upright" }));
    for (const { y, tone } of this.data.lines) {
      if (y[i] !== undefined) this.cursor.append(svg("circle", { cx: x, cy: this.y(y[i]), r: 6, class: `dot ${tone}` }));
    }
  }

  nearest(at) {
    const distances = this.stops.map((stop) => Math.abs(stop - at));
    return distances.indexOf(Math.min(...distances));
  }

  under(event) {
    const frame = this.svg.getBoundingClientRect();
    return Math.min(this.data.high, Math.max(this.data.low, this.back(event.clientX - frame.left)));
  }

  point(at) {
    this.pointed = at;
    if (!this.cursor) return;
    this.mark();
    this.read();
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!step && !["Enter", " ", "Escape"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const here = this.nearest(this.pointed ?? this.data.at ?? this.stops[0]);
    if (event.key === "Escape") this.point(null);
    else if (!step) this.keep(this.stops[here]);
    else this.point(this.stops[Math.min(this.stops.length - 1, Math.max(0, here + step * (event.shiftKey ? 10 : 1)))]);
  }

  keep(at) {
    this.send("at", this.stops[this.nearest(at)]);
  }

  read() {
    const at = this.pointed ?? this.data.at;
    const readout = this.find("readout");
    if (at === null || at === undefined) {
      readout.textContent = this.data.hint;
      return;
    }
    const i = this.nearest(at);
    const parts = this.data.lines.map(({ name, y }) => `${name} ${short(y[i], 3)}`);
    readout.textContent = `${this.data.across} ${short(this.stops[i], 3)}: ${parts.join(" \u00b7 ")}`;
  }
}

function power(exponent) {
  const raised = [...String(exponent)].map((sign) => (sign === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[sign]));
  return exponent === 0 ? "1" : `10${raised.join("")}`;
}

function key({ name, tone }) {
  const label = document.createElement("span");
  const sample = svg("svg", { viewBox: "0 0 32 10", "aria-hidden": "true" });
  sample.append(svg("line", { x1: 1, x2: 31, y1: 5, y2: 5, class: `line ${tone}` }));
  label.append(sample, document.createTextNode(name));
  return label;
}

export default function ({ data, parentElement, setTriggerValue }) {
  let curves = all.get(parentElement);
  if (!curves) {
    curves = new Curves(parentElement);
    all.set(parentElement, curves);
  }
  curves.show(data, setTriggerValue);
}
