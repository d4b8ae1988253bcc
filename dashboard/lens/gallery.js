// A sheet of pictures to pick from, each with two lines below it. Arrow keys move as in any group of radio buttons, up
// and down by a row; beyond the first and the last picture they go on to the page before and the page after.

function element(kind, name, value = "") {
  const node = document.createElement(kind);
  node.className = name;
  node.textContent = value;
  return node;
}

function framed(tile) {
  const frame = element("span", "frame");
  if (tile.picture) {
    const picture = document.createElement("img");
    picture.src = tile.picture;
    picture.alt = "";
    frame.append(picture);
  } else frame.append(element("span", "gone", "cannot be read now"));
  if (tile.mark) {
    const mark = element("span", `mark ${tile.mark}`, tile.mark === "right" ? "✓" : "✗");
    mark.setAttribute("aria-hidden", "true");
    frame.append(mark);
  }
  return frame;
}

function drawn(tile, pick) {
  const node = element(pick ? "button" : "div", "tile");
  node.dataset.id = tile.id;
  if (pick) {
    node.type = "button";
    node.setAttribute("role", "radio");
    node.setAttribute("aria-label", tile.told);
  } else {
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", tile.told);
  }
  node.append(framed(tile), element("span", "guess", tile.guess), element("span", "true", tile.true));
  return node;
}

function mark(nodes, chosen) {
  for (const node of nodes) {
    const here = node.dataset.id === String(chosen);
    node.setAttribute("aria-checked", String(here));
    node.tabIndex = here ? 0 : -1;
  }
  if (nodes.length && !nodes.some((node) => node.tabIndex === 0)) nodes[0].tabIndex = 0;
}

function across(nodes) {
  const top = nodes[0].offsetTop;
  const below = nodes.findIndex((node) => node.offsetTop > top);
  return below < 0 ? nodes.length : below;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const sheet = parentElement.querySelector(".gallery");
  const inside = sheet.getRootNode().activeElement?.closest?.(".tile");
  sheet.setAttribute("role", data.pick ? "radiogroup" : "group");
  sheet.setAttribute("aria-label", data.label);
  if (sheet.dataset.sheet !== data.sheet) {
    sheet.replaceChildren(...data.tiles.map((tile) => drawn(tile, data.pick)));
    sheet.dataset.sheet = data.sheet;
  }
  sheet.dataset.ready = `${data.sheet} ${data.chosen}`;
  if (!data.pick) return;
  const nodes = [...sheet.querySelectorAll(".tile")];
  mark(nodes, data.chosen);
  if (inside) nodes.find((node) => node.tabIndex === 0)?.focus();
  const send = (id) => setTriggerValue("picked", Number(id));
  const choose = (node) => {
    mark(nodes, node.dataset.id);
    node.focus();
    send(node.dataset.id);
  };
  sheet.onclick = (event) => {
    const node = event.target.closest(".tile");
    if (node) choose(node);
  };
  sheet.onkeydown = (event) => {
    const row = across(nodes);
    const steps = { ArrowRight: 1, ArrowDown: row, ArrowLeft: -1, ArrowUp: -row };
    const here = nodes.indexOf(event.target.closest(".tile"));
    if (here < 0 || !(event.key in steps) || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const next = here + steps[event.key];
    if (next >= 0 && next < nodes.length) choose(nodes[next]);
    else if (next < 0 && data.before !== null) send(data.before);
    else if (next >= nodes.length && data.after !== null) send(data.after);
  };
}
