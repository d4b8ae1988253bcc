// Colours of the confusion matrix: one hue for what is right and one for mistakes, from the page's ground upwards.

const STEPS = 64;
// The height of a line of names, in CSS pixels.
const LINE = 12;
// Light ground, dark ground: near nothing, half way, all of the class. Blue and orange are told apart by everyone.
const HUES = {
  right: [["#dbe8f6", "#5b96d3", "#174e87"], ["#16283c", "#2c6cab", "#7dbdff"]],
  wrong: [["#fce3cc", "#ec8a34", "#a33c00"], ["#3a2411", "#b8610f", "#ffb066"]],
};

// What the theme gives, as the canvas needs it.
function theme(node) {
  const style = getComputedStyle(node);
  const given = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  const ground = rgb(given("--st-background-color", "#ffffff"));
  const dark = brightness(ground) < 110;
  const ramps = {};
  for (const [name, pair] of Object.entries(HUES)) ramps[name] = ramp(pair[dark ? 1 : 0].map(rgb));
  return {
    ramps,
    text: style.color,
    ground: css(ground),
    tile: given("--st-secondary-background-color", "#f1f5f3"),
    picked: given("--st-primary-color", "#0b6e4f"),
    font: style.fontFamily,
  };
}

// The step of the ramp for a share of the true class; the root, so that rare mistakes are seen, too.
function step(share) {
  return Math.min(STEPS - 1, Math.floor(Math.sqrt(share) * STEPS));
}

function ramp([low, middle, high]) {
  return Array.from({ length: STEPS }, (_, i) => {
    const place = (i / (STEPS - 1)) * 2;
    const [from, to] = place < 1 ? [low, middle] : [middle, high];
    const mixed = from.map((value, c) => Math.round(value + (to[c] - value) * (place % 1 || (place === 2 ? 1 : 0))));
    return { rgb: mixed, css: css(mixed), ink: brightness(mixed) > 140 ? "#000000" : "#ffffff" };
  });
}

// Any colour that CSS knows, as three numbers.
function rgb(colour) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function css([r, g, b]) {
  return `rgb(${r}, ${g}, ${b})`;
}

function brightness([r, g, b]) {
  return 0.299 * r + 0.587 * g + 0.114 * b;
}

// The beginning of a name that fits.
function fitted(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${text.slice(0, middle)}\u2026`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low).trimEnd()}\u2026`;
}

// A share as people say it, as on the rest of the page.
function percent(share) {
  const figure = 100 * share;
  if (figure >= 99.95) return share === 1 ? "100\u00a0%" : "over 99.9\u00a0%";
  if (figure < 0.05) return share === 0 ? "0\u00a0%" : "under 0.1\u00a0%";
  return `${figure >= 9.95 && figure < 99 ? figure.toFixed(0) : figure.toFixed(1)}\u00a0%`;
}

// Squares for the cells of a matrix that is too large for boxes: (left, top, side) in device pixels, colours as rgb.
function dots(width, squares) {
  const image = new ImageData(width, width);
  const paint = new Uint32Array(image.data.buffer);
  for (const [left, top, side, [r, g, b]] of squares) {
    const colour = (255 << 24) | (b << 16) | (g << 8) | r;
    const [right, bottom] = [Math.min(width, left + side), Math.min(width, top + side)];
    for (let y = Math.max(0, top); y < bottom; y += 1) paint.fill(colour, y * width + Math.max(0, left), y * width + right);
  }
  return image;
}

// A faint tile for every cell that is seen, so that empty ones are cells, too.
function paintGrid(pen, { box, view, wide, theme: { ground } }) {
  const { left, top, side } = box;
  pen.strokeStyle = ground;
  pen.lineWidth = wide > 12 ? 1 : 0.5;
  pen.beginPath();
  for (let i = Math.ceil(Math.min(view.left, view.top)); i <= Math.max(view.left, view.top) + view.span; i += 1) {
    const [x, y] = [left + (i - view.left) * wide, top + (i - view.top) * wide];
    if (x > left && x < left + side) pen.rect(x, top, 0, side);
    if (y > top && y < top + side) pen.rect(left, y, side, 0);
  }
  pen.stroke();
}

// The names of the classes that are seen, those of the cell pointed at in bold and with room around them; where there
// are too many, of every second, third ...
function paintNames(pen, { at, box, view, wide, order, position, theme: { text, font }, header: { names } }) {
  const { left, top, side } = box;
  pen.fillStyle = text;
  pen.font = `600 12px ${font}`;
  pen.textAlign = "left";
  pen.fillText("First guess \u2192", left, LINE);
  pen.textAlign = "right";
  pen.fillText("True class \u2193", left - 6, top - 8);
  const every = Math.ceil(LINE / wide);
  const along = (write, start, pointed) => {
    const spot = (place) => (place + 0.5 - start) * wide;
    order.forEach((place, i) => {
      const near = Math.abs(spot(i) - spot(pointed)) <= LINE;
      if (spot(i) < 4 || spot(i) > side - 4 || (i !== pointed && (i % every || near))) return;
      pen.font = i === pointed ? `700 12px ${font}` : `${wide < 13 ? 11 : 12}px ${font}`;
      write(pen, names[place], box, spot(i));
    });
  };
  along(rowName, view.top, position[at?.row]);
  along(columnName, view.left, position[at?.column]);
}

function rowName(pen, name, { left, top }, y) {
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  pen.fillText(fitted(pen, name, left - 8), left - 6, top + y);
}

// Upright where the names do not fit beside one another.
function columnName(pen, name, { left, top, flat }, x) {
  pen.save();
  pen.translate(left + x, top - 6);
  pen.textBaseline = flat ? "alphabetic" : "middle";
  pen.textAlign = flat ? "center" : "left";
  if (!flat) pen.rotate(-Math.PI / 2);
  pen.fillText(flat ? name : fitted(pen, name, top - LINE - 12), 0, 0);
  pen.restore();
}

// The ramp of one hue, over shares that grow by the root.
function paintScale(bar, colours) {
  const pen = bar.getContext("2d");
  colours.forEach((colour, i) => {
    pen.fillStyle = colour.css;
    pen.fillRect((i * bar.width) / STEPS, 0, bar.width / STEPS, 1);
  });
}
