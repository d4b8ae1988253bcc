// A list to pick from: "bars" (a name, a bar and a figure each) or "thumbs" (a small picture each).
// Without `pick` the bars are only shown. Arrow keys move between the options, as in any group of radio buttons.

function option(entry, kind, chosen, pickable) {
  const node = document.createElement(pickable ? "button" : "div");
  node.className = "option";
  node.dataset.id = entry.id;
  if (pickable) {
    node.type = "button";
    node.setAttribute("role", "radio");
    node.setAttribute("aria-checked", String(chosen));
    node.setAttribute("aria-label", [entry.name, entry.figure].filter(Boolean).join(", "));
    node.tabIndex = chosen ? 0 : -1;
  }
  if (kind === "thumbs") {
    const picture = document.createElement("img");
    picture.src = entry.picture;
    picture.alt = "";
    node.title = entry.name;
    node.append(picture);
    return node;
  }
  const track = document.createElement("span");
  track.className = "track";
  const bar = document.createElement("span");
  bar.className = entry.quiet ? "fill quiet" : "fill";
  bar.style.width = `${Math.max(0.5, entry.share * 100)}%`;
  track.append(bar);
  node.append(text("name", entry.name), text("figure", entry.figure), track);
  return node;
}

function text(name, value) {
  const node = document.createElement("span");
  node.className = name;
  node.textContent = value;
  return node;
}

function headed(entry, node) {
  if (!entry.heading) return [node];
  const above = text("above", "");
  above.append(text("heading", entry.heading), text("note", entry.note));
  return [above, node];
}

function options(list) {
  return [...list.querySelectorAll(".option")];
}

function choose(list, node, send) {
  for (const other of options(list)) {
    other.setAttribute("aria-checked", String(other === node));
    other.tabIndex = other === node ? 0 : -1;
  }
  node.focus();
  send(node.dataset.id);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".picker");
  const focused = list.getRootNode().activeElement?.dataset?.id;
  const send = (id) => setTriggerValue("picked", id);
  list.className = `picker ${data.kind}`;
  list.setAttribute("role", data.pick ? "radiogroup" : "group");
  list.setAttribute("aria-label", data.label);
  const known = data.options.some((entry) => entry.id === data.chosen);
  const draw = (entry) => headed(entry, option(entry, data.kind, entry.id === data.chosen, data.pick));
  list.replaceChildren(...data.options.flatMap(draw));
  if (!data.pick) return;
  const nodes = options(list);
  if (!known && nodes.length) nodes[0].tabIndex = 0;
  if (focused) nodes.find((node) => node.dataset.id === focused)?.focus();
  list.onclick = (event) => {
    const node = event.target.closest(".option");
    if (node) choose(list, node, send);
  };
  list.onkeydown = (event) => {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const here = nodes.indexOf(event.target.closest(".option"));
    if (here < 0 || !(event.key in steps)) return;
    event.preventDefault();
    choose(list, nodes[(here + steps[event.key] + nodes.length) % nodes.length], send);
  };
}
