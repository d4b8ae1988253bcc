// The arithmetic of one place, written out: what lies under the kernel, the products, and their sum.

const MOST = 27;
const bracketed = (value, digits = 2) => (value < 0 ? `(${short(value, digits)})` : short(value, digits));

function shade(value, largest) {
  if (!value || !largest) return "transparent";
  return `rgba(${value > 0 ? "224, 123, 40" : "67, 139, 202"}, ${(0.55 * Math.min(1, Math.abs(value) / largest)).toFixed(2)})`;
}

function numbers(title, size, cell) {
  const table = element("table", "", "numbers");
  if (title) table.append(element("caption", title));
  for (let row = 0; row < size; row += 1) {
    const line = element("tr");
    for (let column = 0; column < size; column += 1) line.append(cell(row * size + column));
    table.append(line);
  }
  return table;
}

function shaded(values) {
  const largest = Math.max(...values.map(Math.abs));
  return (place) => {
    const cell = element("td", short(values[place]));
    cell.style.backgroundColor = shade(values[place], largest);
    return cell;
  };
}

function seen(patch) {
  return (place) => {
    const cell = element("td", short(patch[place] ?? 0), patch[place] === null ? "outside" : "");
    if (patch[place] === null) cell.title = "padding";
    return cell;
  };
}

// A line for each channel: patches hold the value of each pixel, null in the padding.
function sumsOf({ channels, size, mix }, kernels, patches) {
  const sums = [];
  const rows = channels.map((name, channel) => {
    const weights = kernels.subarray(channel * size ** 2, (channel + 1) * size ** 2);
    const products = patches[channel].map((value, place) => (value ?? 0) * weights[place]);
    sums.push(products.reduce((total, product) => total + product, 0));
    const row = element("div", "", "row");
    const of = name ? ` in ${name}` : "";
    const tables = [numbers(`Under the kernel${of}`, size, seen(patches[channel])), numbers("Times the weights", size, shaded(products))];
    if (size > 3) tables.forEach((table) => table.classList.add("small"));
    row.append(...tables, written(patches[channel], weights, sums[channel], name));
    return row;
  });
  return channels.length > 1 ? [...rows, together(sums, mix, channels)] : rows;
}

function written(patch, weights, sum, name) {
  const terms = patch.map((value, place) => `${short(value ?? 0)} × ${bracketed(weights[place])}`);
  const rest = terms.length > MOST ? ` + … (${terms.length - MOST} more)` : "";
  return equation(`${terms.slice(0, MOST).join(" + ")}${rest}`, sum, !name);
}

// The channels' sums, mixed or simply added.
function together(sums, mix, channels) {
  const terms = sums.map((sum, channel) => `${mix ? `${bracketed(mix[channel])} × ` : ""}${bracketed(sum, 3)} ${channels[channel]}`);
  return equation(terms.join(" + "), sums.reduce((all, sum, channel) => all + sum * (mix?.[channel] ?? 1), 0), true);
}

function equation(terms, sum, last) {
  const text = element("div", `${terms} = `, "written");
  const total = element("b", short(sum, 3));
  if (last) total.dataset.part = "sum";
  text.append(total);
  return text;
}
