// Where the boxes of the architecture strip stand, and the lines between them, in pixels.

const WIDE = 150, HIGH = 116, GAP = 36, BETWEEN = 18, HEAD = 28, PORT = 20, END = 78, LANE = 7;
const BOX = { wide: WIDE, high: HIGH, axis: HIGH / 2 };

// Works out the places of what a box holds, relative to its corner; `axis` is where the main way runs.
function arrange(parent, strip) {
  const { boxes, inside, edges, open } = strip;
  const kids = (inside.get(parent) ?? []).map((box) => ({ box, ...(open.has(box.id) ? arrange(box.id, strip) : BOX) }));
  const rows = 1 + Math.max(...kids.map(({ box }) => box.row));
  const columns = 1 + Math.max(...kids.map(({ box }) => box.column));
  const [wide, up, down, lanes] = [fill(columns), fill(rows), fill(rows), fill(rows)];
  for (const { box, ...kid } of kids) {
    wide[box.column] = Math.max(wide[box.column], kid.wide);
    up[box.row] = Math.max(up[box.row], kid.axis);
    down[box.row] = Math.max(down[box.row], kid.high - kid.axis);
  }
  for (const [source, target, , lane] of edges.get(parent) ?? []) {
    const row = boxes[source ?? target]?.row ?? 0;
    lanes[row] = Math.max(lanes[row], lane);
  }
  const side = parent === null ? END : PORT;
  const left = [], axis = [], step = [];
  let x = side;
  for (const size of wide) {
    left.push(x);
    x += size + GAP;
  }
  let y = parent === null ? 12 : HEAD + 10;
  for (let row = 0; row < rows; row += 1) {
    step.push(Math.min(LANE, 130 / Math.max(1, lanes[row])));
    y += lanes[row] ? lanes[row] * step[row] + 8 : 0;
    axis.push(y + up[row]);
    y += up[row] + down[row] + BETWEEN;
  }
  return { wide: x - GAP + side, high: y - BETWEEN + 14, axis: axis[0], plan: { kids, left, columns: wide, axes: axis, up, step } };
}

// A line with round corners: straight on, over a lane above the row, or along the lower of two rows.
function way(out, into, over) {
  const tip = `M${into.x - 5} ${into.y - 3.5}L${into.x} ${into.y}L${into.x - 5} ${into.y + 3.5}`;
  const start = `M${out.x} ${out.y}`;
  const bend = (x, y, dy, next) => `H${x - 5}Q${x} ${y} ${x} ${y + dy}V${next - dy}Q${x} ${next} ${x + 5} ${next}`;
  if (over !== null) {
    return `${start}${bend(out.turn, out.y, -5, over)}${bend(into.turn, over, 5, into.y)}H${into.x}${tip}`;
  }
  if (out.row === into.row) return `${start}H${into.x}${tip}`;
  const down = into.row > out.row;
  return `${start}${bend(down ? out.turn : into.turn, out.y, down ? 5 : -5, into.y)}H${into.x}${tip}`;
}

// Where to scroll so that a box stands near the middle, and the first box in view is not cut.
function whole(rect, rects, width, all) {
  const wanted = rect.left + Math.min(rect.wide, width) / 2 - width / 2;
  const least = rect.left + Math.min(rect.wide, width - 36) - width + 18;
  const most = Math.min(rect.left - 18, Math.max(0, all - width));
  const starts = [0, ...[...rects.values()].map(({ left }) => left - 18)].filter((left) => left >= least && left <= most);
  return starts.sort((one, other) => Math.abs(one - wanted) - Math.abs(other - wanted))[0] ?? wanted;
}

function group(items, by) {
  const found = new Map();
  for (const item of items) {
    const key = by(item);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(item);
  }
  return found;
}

function fill(count) {
  return new Array(count).fill(0);
}

function at(node, left, top, wide, high) {
  Object.assign(node.style, { left: `${left}px`, top: `${top}px`, width: `${wide}px`, height: `${high}px` });
}

function end(words, left, axis) {
  const node = text("div", words, "end");
  node.setAttribute("aria-hidden", "true");
  Object.assign(node.style, { left: `${left}px`, top: `${axis - 15}px` });
  return node;
}

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
