// Curves that grow while a network trains. The page sends only what is new; what came before is kept here.
//
// data: {id, epochs, runs: [{key, title, kept, steps, ended, from, points: [[training loss, training accuracy, validation
// loss, validation accuracy]], fromBatch, batches}]}. Points are those after epoch `from`, `from` + 1 ...; null: no number.
// Where something is missing, because the page was drawn anew, it is asked for with the trigger "behind".

const all = new WeakMap();
const NAMES = { loss: "Loss", accuracy: "Accuracy" };
const LINES = { loss: { training: 0, validation: 2 }, accuracy: { training: 1, validation: 3 } };
// Percents stand at quarters.
const ROUNDS = [1, 2, 2.5, 5, 10];
const [HIGH, LEFT, RIGHT, TOP, BOTTOM] = [200, 44, 8, 10, 34];

class Training {
  constructor(root) {
    this.root = root;
    this.figure = root.querySelector(".training");
    this.panels = root.querySelector(".panels");
    this.readout = root.querySelector('[data-part="readout"]');
    this.kind = "loss";
    this.runs = new Map();
    this.at = null;
    for (const button of root.querySelectorAll(".kinds button")) {
      button.addEventListener("click", () => this.turn(button.dataset.kind));
    }
    new ResizeObserver(() => this.data && this.draw()).observe(this.panels);
  }

  turn(kind) {
    this.kind = kind;
    for (const button of this.root.querySelectorAll(".kinds button")) {
      button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    }
    this.draw();
  }

  // Puts new points behind those that are here; false where some between them are missing.
  take(data) {
    if (this.data?.id !== data.id) {
      this.runs.clear();
      this.at = null;
    }
    this.data = data;
    const keys = data.runs.map((run) => run.key);
    for (const key of this.runs.keys()) if (!keys.includes(key)) this.runs.delete(key);
    return data.runs.every((run) => {
      const here = this.runs.get(run.key) ?? { points: [], batches: [] };
      if (run.from > here.points.length || run.fromBatch > here.batches.length) return false;
      here.points.splice(run.from, Infinity, ...run.points);
      here.batches.splice(run.fromBatch, Infinity, ...run.batches);
      this.runs.set(run.key, Object.assign(here, { title: run.title, kept: run.kept, steps: run.steps, note: run.note }));
      return true;
    });
  }

  show(data, behind) {
    if (!this.take(data)) behind(`${data.id} ${Math.random()}`);
    this.draw();
    this.figure.dataset.ready = data.id;
    this.figure.dataset.points = [...this.runs.values()].map((run) => run.points.length).join(",");
  }

  // Each chart: what it shows, and the runs in it. Several runs stand side by side; one, and a kept one, in two charts.
  charts() {
    const [runs, many] = [[...this.runs.values()], this.data.beside];
    if (many) return runs.map((run) => ({ kind: this.kind, runs: [run], title: run.title }));
    return Object.keys(NAMES).map((kind) => ({ kind, runs, title: NAMES[kind] }));
  }

  top(kind) {
    if (kind === "accuracy") return 1;
    const runs = [...this.runs.values()];
    const losses = runs.flatMap((run) => run.points.flatMap((point) => [point[0], point[2]])).filter(Number.isFinite);
    const first = Math.max(...runs.map((run) => run.points[0]?.[0] ?? 0), 0.1);
    const peak = Math.max(...runs.flatMap((run) => run.batches).filter(Number.isFinite), 0);
    return losses.length ? 1.04 * Math.max(...losses, Math.min(peak, 3 * first), 0.1) : 2.5;
  }

  draw() {
    const charts = this.charts();
    const many = this.data.beside;
    this.root.querySelector(".kinds").hidden = !many;
    this.panels.classList.toggle("many", many);
    while (this.panels.children.length > charts.length) this.panels.lastChild.remove();
    charts.forEach((chart, place) => this.chart(chart, this.panels.children[place] ?? this.panel(), many));
    this.legend();
    this.read();
  }

  panel() {
    const panel = document.createElement("div");
    panel.className = "panel";
    const drawn = svg("svg", { role: "img", tabindex: "0" });
    panel.append(document.createElement("h4"), drawn, document.createElement("p"));
    this.panels.append(panel);
    drawn.addEventListener("pointermove", (event) => this.point(this.epoch(drawn, event.clientX)));
    drawn.addEventListener("pointerleave", () => this.point(null));
    drawn.addEventListener("keydown", (event) => this.key(event));
    return panel;
  }

  chart({ kind, runs, title }, panel, many) {
    const [heading, drawn, note] = panel.children;
    const wide = Math.max(120, panel.clientWidth);
    const high = many ? 150 : HIGH;
    const [right, low] = [wide - RIGHT, high - BOTTOM];
    const top = this.top(kind);
    const last = this.data.epochs;
    const x = (epoch) => LEFT + ((right - LEFT) * epoch) / last;
    const y = (value) => low - ((low - TOP) * Math.min(value, 1.02 * top)) / top;
    heading.textContent = title;
    note.textContent = many ? runs[0].note : "";
    note.hidden = !many;
    drawn.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    drawn.setAttribute("aria-label", `${title}. ${runs.map((run) => this.said(run, run.points.length - 1)).join(" ")}`);
    const parts = [];
    for (const tick of ticks(0, top, 4, ROUNDS)) {
      parts.push(svg("line", { class: "grid", x1: LEFT, x2: right, y1: y(tick), y2: y(tick) }));
      const label = kind === "accuracy" ? `${Math.round(100 * tick)} %` : short(tick, 3);
      parts.push(svg("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, label));
    }
    parts.push(svg("line", { class: "axis", x1: LEFT, x2: right, y1: low, y2: low }));
    const numbers = ticks(0, last, 4, ROUNDS).filter((tick) => Number.isInteger(tick));
    for (const tick of numbers) parts.push(svg("text", { x: x(tick), y: low + 15, "text-anchor": "middle" }, String(tick)));
    parts.push(svg("text", { x: right, y: low + 30, "text-anchor": "end" }, "epochs"));
    for (const run of runs) {
      if (kind === "loss" && !run.kept) {
        parts.push(this.line("batches", run, run.batches, (value, i) => [x((i + 1) / run.steps), y(value)]));
      }
      for (const [name, column] of Object.entries(LINES[kind])) {
        parts.push(this.line(name, run, run.points.map((point) => point[column]), (value, i) => [x(i), y(value)]));
      }
    }
    if (this.at !== null) parts.push(svg("line", { class: "cursor", x1: x(this.at), x2: x(this.at), y1: TOP, y2: low }));
    drawn.replaceChildren(...parts);
  }

  line(name, run, values, place) {
    let pen = "M";
    const path = values.map((value, i) => {
      if (!Number.isFinite(value)) {
        pen = "M";
        return "";
      }
      const step = `${pen}${place(value, i).map((number) => number.toFixed(1)).join(" ")}`;
      pen = "L";
      return step;
    });
    // A single point is a line to itself, which round ends make a dot.
    const drawn = values.length === 1 ? `${path[0]}${path[0].replace("M", "L")}` : path.join("");
    return svg("path", { class: `line ${name}${run.kept ? " kept" : ""}`, d: drawn });
  }

  legend() {
    const runs = [...this.runs.values()];
    const sample = (name, words) => {
      const [item, line] = [document.createElement("span"), svg("svg", { viewBox: "0 0 28 10", "aria-hidden": "true" })];
      line.append(svg("path", { class: `line ${name}`, d: "M1 5L27 5" }));
      item.append(line, words);
      return item;
    };
    const items = [sample("training", "training pictures"), sample("validation", "validation pictures")];
    items.push(sample("batches", "each batch"));
    for (const run of runs.filter((one) => one.kept)) items.push(sample("validation kept", `kept: ${run.title}`));
    this.root.querySelector(".legend").replaceChildren(...items);
  }

  epoch(drawn, across) {
    const frame = drawn.getBoundingClientRect();
    const share = (across - frame.left - LEFT) / (frame.width - LEFT - RIGHT);
    return Math.max(0, Math.min(this.longest(), Math.round(share * this.data.epochs)));
  }

  longest() {
    return Math.max(0, ...[...this.runs.values()].map((run) => run.points.length - 1));
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in steps)) return;
    this.readout.setAttribute("aria-live", "polite");
    const from = this.at ?? this.longest();
    this.point(Math.max(0, Math.min(this.longest(), from + steps[event.key])));
    event.preventDefault();
    event.stopPropagation();
  }

  point(at) {
    this.at = at;
    this.draw();
  }

  said(run, place) {
    const point = run.points[Math.min(place, run.points.length - 1)];
    if (!point) return "";
    const [loss, right, other, validation] = point.map((value) => (Number.isFinite(value) ? value : NaN));
    const number = (value) => (Number.isNaN(value) ? "no number" : short(value, 3));
    const share = (value) => `${(100 * value).toFixed(1)} %`;
    const epoch = Math.min(place, run.points.length - 1);
    return `Epoch ${epoch}: training loss ${number(loss)}, accuracy ${share(right)}; validation loss ${number(other)}, accuracy ${share(validation)}.`;
  }

  read() {
    const runs = [...this.runs.values()];
    if (this.data.beside && this.at === null) {
      this.readout.textContent = "Point at a chart to read its numbers.";
      return;
    }
    const words = runs.map((run) => {
      const name = runs.length > 1 ? `${run.title}: ` : "";
      return name + this.said(run, this.at ?? run.points.length - 1);
    });
    this.readout.textContent = words.join("\n");
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  let training = all.get(parentElement);
  if (!training) {
    training = new Training(parentElement);
    all.set(parentElement, training);
  }
  training.show(data, (id) => setTriggerValue("behind", id));
}
